// Speaking with the service: requests, lights off, frames as they come, and the token where one is needed.

const KEY = "lampforge-token";
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

/** A refusal or a lost connection. `line` can be shown; `status` is 0 where there was no answer. */
export class Problem extends Error {
  constructor(status, line) {
    super(line);
    this.status = status;
  }
}

function stored() {
  try {
    return localStorage.getItem(KEY) || "";
  } catch {
    return ""; // a browser that keeps nothing
  }
}

/** A token as a WebSocket's subprotocol: addresses end up in logs and histories, so it is in none. */
function subprotocols(token) {
  if (!token) return ["lampforge"];
  const safe = btoa(token).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return ["lampforge", `bearer.${safe}`];
}

export class Service {
  /** needToken: asks somebody for a token; gets whether the last one was wrong, gives the next one. */
  constructor(needToken) {
    this.needToken = needToken;
    this.token = stored();
    this.asking = null;
  }

  async #call(path, options = {}) {
    for (;;) {
      const used = this.token;
      const headers = { ...options.headers, ...(used && { authorization: `Bearer ${used}` }) };
      let response;
      try {
        response = await fetch(path, { ...options, headers });
      } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new Problem(0, "The lamp does not answer. Is the service running?");
      }
      const body = await response.json().catch(() => ({}));
      if (response.ok) return body;
      if (response.status !== 401) {
        throw new Problem(response.status, body.error || `The service said ${response.status}.`);
      }
      if (used === this.token) await this.#askForToken(Boolean(used));
    }
  }

  async #askForToken(wrong) {
    this.asking ||= this.needToken(wrong);
    this.token = await this.asking;
    this.asking = null;
    try {
      localStorage.setItem(KEY, this.token);
    } catch {
      // It is asked for again the next time.
    }
  }

  ask(wish, signal) {
    const headers = { "content-type": "application/json" };
    return this.#call("/program", { method: "POST", headers, body: JSON.stringify(wish), signal });
  }

  off() {
    return this.#call("/stop", { method: "POST" });
  }

  state() {
    return this.#call("/state");
  }

  /** Calls frame(levels), state(state), and lost() while there is no connection; for ever. */
  async watch({ frame, state, lost }) {
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      try {
        state(await this.state());
        const began = performance.now();
        await this.#stream(frame, state);
        if (performance.now() - began > 5000) wait = FIRST_WAIT_MS;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
      }
      lost();
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  #stream(frame, state) {
    return new Promise((resolve) => {
      const scheme = location.protocol === "https:" ? "wss:" : "ws:";
      const socket = new WebSocket(`${scheme}//${location.host}/frames?state=true`, subprotocols(this.token));
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => {
        if (typeof data === "string") state(JSON.parse(data));
        else frame(new Uint8Array(data));
      };
      socket.onclose = resolve;
    });
  }
}
