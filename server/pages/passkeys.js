// Runs in the browser. Passkeys need a script; everything else on the pages works without one.
const say = document.querySelector("#passkey-says");

// A passkey belongs to a name, and browsers take no address for one.
const hasName = !/^\[|^[\d.]+$/.test(location.hostname);
const canUse = hasName && window.PublicKeyCredential?.parseRequestOptionsFromJSON !== undefined;

for (const button of canUse ? document.querySelectorAll("button[data-passkey]") : []) {
  button.closest("[hidden]").hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    say.hidden = true;
    try {
      await (button.dataset.passkey === "get" ? signIn(button.dataset) : add(button.dataset));
    } catch (error) {
      say.textContent = wordsOf(error);
      say.hidden = false;
    } finally {
      button.disabled = false;
    }
  });
}

async function signIn({ options, answer, form, next }) {
  const asked = await post(options, { form });
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.options);
  const credential = await navigator.credentials.get({ publicKey });
  const { location } = await post(answer, {
    form,
    next,
    challengeId: asked.challengeId,
    response: credential.toJSON(),
  });
  window.location.assign(location);
}

async function add({ options, answer, form }) {
  const name = document.querySelector("#passkey-name").value;
  const asked = await post(options, { form });
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.options);
  const credential = await navigator.credentials.create({ publicKey });
  const { location } = await post(answer, {
    form,
    name,
    challengeId: asked.challengeId,
    response: credential.toJSON(),
  });
  window.location.assign(location);
}

async function post(url, body) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail ?? answer.title);
  return answer;
}

function wordsOf(error) {
  if (error.name === "NotAllowedError")
    return "The passkey was not used: it was cancelled, or it took too long.";
  if (error.name === "InvalidStateError") return "This device already has a passkey for you here.";
  if (error.name === "SecurityError") return "Passkeys need the server's name and https, or localhost.";
  return error.message;
}
