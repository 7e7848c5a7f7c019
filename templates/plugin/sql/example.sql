-- A database to try the query with: sqlite3 __NAME__.db < example.sql
create table grants (
    email text not null,
    service text not null,
    permission text not null,
    allowed boolean not null default true
);
insert into grants (email, service, permission, allowed) values
    ('ada@dev.test', 'wiki', '__NAME__:read', true),
    ('ada@dev.test', 'wiki', '__NAME__:write', true),
    ('bob@dev.test', 'wiki', '__NAME__:read', true),
    ('bob@dev.test', 'wiki', '__NAME__:write', false);
