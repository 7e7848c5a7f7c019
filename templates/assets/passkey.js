// Passkeys. Everything else on our pages works without scripts.
// A form with `data-passkey="get"` or `"create"` gets its challenge from `data-options`, and is sent with the answer in
// its fields `attempt` and `credential`. One with `data-autofill` also offers passkeys in the address field.
'use strict';

(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const listed = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

  let waiting = null;

  async function challenge(form) {
    const body = new URLSearchParams(new FormData(form));
    const response = await fetch(form.dataset.options, { method: 'POST', body });
    if (!response.ok) throw new Error(response.status === 429 ? 'many' : 'stale');
    const { attempt, options } = await response.json();
    form.elements.attempt.value = attempt;
    const publicKey = { ...options, challenge: bytes(options.challenge) };
    if (options.user) publicKey.user = { ...options.user, id: bytes(options.user.id) };
    if (options.excludeCredentials) publicKey.excludeCredentials = listed(options.excludeCredentials);
    if (options.allowCredentials) publicKey.allowCredentials = listed(options.allowCredentials);
    return publicKey;
  }

  function answer(form, credential) {
    const { response } = credential;
    const said = { clientDataJSON: text(response.clientDataJSON) };
    if (response.attestationObject) {
      said.attestationObject = text(response.attestationObject);
      said.transports = response.getTransports ? response.getTransports() : [];
    } else {
      said.authenticatorData = text(response.authenticatorData);
      said.signature = text(response.signature);
      said.userHandle = response.userHandle ? text(response.userHandle) : null;
    }
    form.elements.credential.value = JSON.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response: said, clientExtensionResults: {},
    });
    form.submit();
  }

  const words = {
    NotAllowedError: 'That was cancelled, or took too long. Try again when you are ready.',
    InvalidStateError: 'This device has a passkey for this account already.',
    SecurityError: 'Passkeys cannot be used at this address.',
    many: 'That was too often. Wait a little, then try again.',
    stale: 'This page was open for too long. Load it again, then try once more.',
  };

  function say(form, error) {
    const place = form.querySelector('[data-message]');
    place.textContent = words[error.name] ?? words[error.message] ?? 'Your device could not do this. Try again, or use another way.';
    place.hidden = false;
  }

  async function press(form) {
    waiting?.abort();
    form.querySelector('[data-message]').hidden = true;
    try {
      const publicKey = await challenge(form);
      const credentials = navigator.credentials;
      answer(form, await (form.dataset.passkey === 'create' ? credentials.create({ publicKey }) : credentials.get({ publicKey })));
    } catch (error) {
      say(form, error);
    }
  }

  // Passkeys in the list that the browser shows under the address field. A challenge lasts five minutes.
  async function autofill(form) {
    if (!await PublicKeyCredential.isConditionalMediationAvailable?.()) return;
    waiting = new AbortController();
    const { signal } = waiting;
    const again = setTimeout(() => { waiting.abort(); autofill(form); }, 4 * 60 * 1000);
    try {
      const publicKey = await challenge(form);
      answer(form, await navigator.credentials.get({ publicKey, mediation: 'conditional', signal }));
    } catch {
      // The person did something else; the button is still there.
      if (signal.aborted) clearTimeout(again);
    }
  }

  for (const form of document.querySelectorAll('form[data-passkey]')) {
    form.hidden = false;
    form.addEventListener('submit', (event) => { event.preventDefault(); press(form); });
    if ('autofill' in form.dataset) autofill(form);
  }

  // What password managers may forget, and what they may offer (WebAuthn Level 3 §5.1.10).
  const { unknownCredential, acceptedCredentials, rpId, userId } = document.querySelector('[data-rp-id]')?.dataset ?? {};
  const ignore = () => {};
  if (unknownCredential && PublicKeyCredential.signalUnknownCredential) {
    PublicKeyCredential.signalUnknownCredential({ rpId, credentialId: unknownCredential }).catch(ignore);
  }
  if (acceptedCredentials !== undefined && PublicKeyCredential.signalAllAcceptedCredentials) {
    const allAcceptedCredentialIds = acceptedCredentials.split(' ').filter(Boolean);
    PublicKeyCredential.signalAllAcceptedCredentials({ rpId, userId, allAcceptedCredentialIds }).catch(ignore);
  }
})();
