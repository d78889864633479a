/** The forms of the page: each calls its operation, with the page's credentials, and shows what was answered. */
const ANSWER_WITHIN_MS = 20_000;
const credentials = document.getElementById("credentials");
credentials.addEventListener("submit", (event) => event.preventDefault());

const open = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
};
addEventListener("hashchange", open);
open();

document.getElementById("filter").addEventListener("input", ({ target }) => {
  const words = target.value.toLowerCase().split(/\s+/);
  for (const operation of document.querySelectorAll(".operation[data-path]")) {
    const text = `${operation.id} ${operation.querySelector("summary").textContent}`.toLowerCase();
    const isMeant = words.every((word) => text.includes(word));
    operation.hidden = !isMeant;
    document.querySelector(`nav a[href="#${operation.id}"]`).parentElement.hidden = !isMeant;
  }
});

/** What the form says, as the parts of a request. */
const requestOf = (operation, form) => {
  const { method, path: template } = operation.dataset;
  const { accessToken, apiKey, cartToken } = Object.fromEntries(new FormData(credentials));
  const headers = {};
  if (apiKey !== "") headers["x-api-key"] = apiKey;
  else if (accessToken !== "") headers.authorization = `Bearer ${accessToken}`;
  if (cartToken !== "") headers["x-cart-token"] = cartToken;
  const query = new URLSearchParams();
  let path = template;
  let body;
  for (const [name, value] of new FormData(form)) {
    const [place, parameter] = name.split(/:(.*)/);
    if (name === "body") body = value;
    else if (value === "") continue;
    else if (place === "path") path = path.replace(`{${parameter}}`, encodeURIComponent(value));
    else if (place === "query") query.append(parameter, value);
    else if (place === "header") headers[parameter] = value;
  }
  if (body !== undefined && body.trim() !== "") headers["content-type"] = "application/json";
  else body = undefined;
  return { url: query.size === 0 ? path : `${path}?${query}`, init: { method: method.toUpperCase(), headers, body } };
};

const readable = (text) => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
};

/** An answer's text; of a stream what has come so far, told each time. */
const read = async (response, onPart) => {
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return response.text();
  let text = "";
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    onPart(text);
  }
  return text;
};

/** Tokens that an answer brings are those of the next requests. */
const keepTokens = (response, text) => {
  const cartToken = response.headers.get("x-cart-token");
  if (cartToken !== null) credentials.elements.cartToken.value = cartToken;
  if (!response.ok || !text.includes('"accessToken"')) return;
  credentials.elements.accessToken.value = JSON.parse(text).accessToken ?? credentials.elements.accessToken.value;
};

const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });

const show = (output, title, ...texts) => {
  const contents = texts.filter((text) => text !== "").map((text) => element("pre", text));
  output.replaceChildren(element("p", title), ...contents);
};

// Each form begins with a key of its own: an example's key would answer yesterday's order.
for (const input of document.querySelectorAll('input[name="header:Idempotency-Key"]'))
  input.value = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;

for (const form of document.querySelectorAll("form.try")) {
  let current = new AbortController();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    // A stream may still be read.
    current.abort();
    current = new AbortController();
    const { signal } = current;
    const output = form.querySelector("output");
    const { url, init } = requestOf(form.closest(".operation"), form);
    show(output, `${init.method} ${url}`, "…");
    const late = setTimeout(() => current.abort(new Error("No answer in time")), ANSWER_WITHIN_MS);
    try {
      const startedAt = performance.now();
      const response = await fetch(url, { ...init, signal });
      const ms = Math.round(performance.now() - startedAt);
      const title = `${response.status} ${response.statusText} in ${ms} ms`;
      const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
      const text = await read(response, (part) => {
        clearTimeout(late);
        show(output, title, part, headers);
      });
      keepTokens(response, text);
      show(output, title, readable(text), headers);
    } catch (error) {
      if (signal === current.signal) show(output, "Not answered", String(error));
    } finally {
      clearTimeout(late);
    }
  });
}
