-- Every request carries the next token of a file. Arguments: the file, and how many of its tokens to use.
local requests, at = {}, 0

function init(args)
    if not args[1] then return end
    local most = tonumber(args[2])
    for token in io.lines(args[1]) do
        if #requests == most then break end
        requests[#requests + 1] = wrk.format("GET", nil, { ["Host"] = wrk.headers["Host"], ["auth-token"] = token })
    end
end

function request()
    if #requests == 0 then return wrk.format() end
    at = at % #requests + 1
    return requests[at]
end

function done(summary)
    local errors = summary.errors
    local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("%d %d %d\n", summary.requests, summary.duration, bad))
end
