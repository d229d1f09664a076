/**
 * Sluice's client for browsers: the events of the user's own channel, in order, each once, whatever the network does.
 *
 *     const push = new Sluice("https://push.example");
 *     push.addEventListener("message", (event) => console.log(event.lastEventId, event.data));
 *
 * It connects by WebSocket; where that does not get through, by an event stream; where that does not either, it polls. It
 * tries the better ways again later. After each break it goes on behind the last event that it had. The page's cookies say
 * who it is. As a module: `import { Sluice } from "https://push.example/sluice.mjs"`. docs/browser.md has the rest.
 *
 * Events that it dispatches:
 * - `message` (MessageEvent): `data` is the event, parsed; `lastEventId` its ID.
 * - `gap` (CustomEvent<{id: string}>): events were lost that the gateway no longer has; it goes on behind that ID. What the
 *   page shows should be loaded anew.
 * - `open` (CustomEvent<{transport: Transport}>): connected, for the first time, again, or in another way.
 * - `down` (CustomEvent<{code: number, reason: string, retryIn: number}>): not connected, or the last try has failed; the next is in
 *   so many milliseconds. `code` is that of the WebSocket or HTTP, 0 where there is none.
 * - `expired` (the same): the token is missing or no longer good. Get a new one (usually a cookie), then call `connect()`.
 * - `refused` (the same): the gateway wants nothing to do with this page; the reason says why.
 *
 * @typedef {"websocket" | "sse" | "polling"} Transport
 *
 * @typedef {object} SluiceOptions
 * @property {Transport[]} [transports] The ways to try, the best first. Default: all three, in this order.
 * @property {string} [lastId] The ID of the last event that the page has had: what came later is given first.
 * @property {boolean | string} [remember] Keep the last ID in `localStorage`, under this key if it is a string, and go on from there
 *   after a reload. Tabs share it: what one of them has had, a later page is not given again. Default: false.
 * @property {number} [minDelay] Milliseconds before the first new try after a break; it doubles with each that fails, and up to half
 *   of it is left out at random. Default: 1000.
 * @property {number} [maxDelay] The most that it comes to. Default: 30000.
 * @property {number} [slowDelay] Where `expired` or `refused`, and the least while the page is hidden. Default: 60000.
 * @property {number} [openTimeout] How long a way may take to prove that it gets through. Default: 10000.
 * @property {number} [silence] How long an event stream may say nothing at all; must be above the gateway's
 *   `pingSocketsIntervalMs`. Default: 90000.
 * @property {number} [climbDelay] When a better way is tried again; doubles up to ten times that. Default: 60000.
 * @property {number} [pollWait] How long a poll waits for an event; 0: it asks again and again. Default: 25000.
 */
var Sluice = (() => {
  "use strict";

  /**
   * Why a connection did not come about, or ended.
   * @typedef {object} Loss
   * @property {"lost" | "blocked" | "unreachable" | "later" | "expired" | "refused"} kind `blocked`: this way does not get through, another
   *   may; `unreachable`: no way would; `later`: the gateway says so.
   * @property {number} [code]
   * @property {string} [reason]
   * @property {number} [delay] What the gateway asks for, in milliseconds.
   *
   * What a way tells of itself.
   * @typedef {object} Sink
   * @property {() => void} opened It gets through.
   * @property {(id: string) => void} stands The gateway says where the client stands.
   * @property {(id: string, text: string) => void} event
   * @property {(id: string) => void} gap
   * @property {(loss: Loss) => void} lost It is over.
   *
   * @typedef {(parameters?: Record<string, string>) => URL} Address Of the way's endpoint, with what the client has had.
   * @typedef {Required<Omit<SluiceOptions, "lastId">>} Settings
   * @typedef {{ close(): void }} Wire
   */

  /** @type {Required<Omit<SluiceOptions, "lastId">>} */
  const defaults = {
    transports: ["websocket", "sse", "polling"], remember: false, minDelay: 1000, maxDelay: 30_000, slowDelay: 60_000,
    openTimeout: 10_000, silence: 90_000, climbDelay: 60_000, pollWait: 25_000,
  };
  /** A connection that has lasted so long was a good one. */
  const goodAge = 5000;
  /** As many events as can be told to have been there before. Between two ways the same ones may come by both. */
  const recentEvents = 2000;

  const idPattern = /^\d{1,20}-\d{1,20}$/;
  // The first member of an event is its ID; the parsed object may have another `id`, the producer's own.
  const idOf = (text) => /^\s*\{\s*"id":\s*"(\d+-\d+)"/.exec(text)?.[1] ?? "";

  /**
   * By what an event is known again. Its ID alone does not do: where the gateway's stream was trimmed past them, several events are
   * given under one. Not the whole text, since thousands are kept.
   * @type {(id: string, text: string) => string}
   */
  const keyOf = (id, text) => {
    let hash = 0;
    for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
    return `${id} ${text.length} ${hash}`;
  };

  /** @type {(a: string, b: string) => boolean} Whether the ID `a` is behind `b`. */
  const isAfter = (a, b) => {
    const [x, y] = [a, b].map((id) => id.split("-").map(BigInt));
    return x[0] > y[0] || (x[0] === y[0] && x[1] > y[1]);
  };

  /** Passes on an event, or what the gateway says of itself in the place of one. @type {(sink: Sink, text: string) => void} */
  const take = (sink, text) => {
    const id = idOf(text);
    if (!id) return;
    const end = /^\s*\{\s*"id":\s*"[^"]*",\s*"(gap|position)":\s*true\s*\}\s*$/.exec(text)?.[1];
    if (end === "gap") sink.gap(id);
    else if (end === "position") sink.stands(id);
    else sink.event(id, text);
  };

  /** What an HTTP answer other than 200 means. @type {(answer: Response) => Promise<Loss>} */
  const lossOf = async (answer) => {
    const code = answer.status;
    const reason = (await answer.text().catch(() => "")).trim().slice(0, 200);
    const seconds = Number(answer.headers.get("retry-after")) || 0;
    if (code === 401) return { kind: "expired", code, reason };
    if (code === 429 || code === 503) return { kind: "later", code, reason, delay: seconds * 1000 };
    if (code === 400 || code === 403) return { kind: "refused", code, reason };
    return { kind: "blocked", code, reason };
  };

  /** @type {Record<Transport, (address: Address, sink: Sink, settings: Settings) => Wire>} */
  const ways = {
    websocket(address, sink) {
      const url = address({ position: "1" });
      url.protocol = url.protocol.replace("http", "ws");
      const socket = new WebSocket(url);
      let isOpen = false;
      socket.onopen = () => {
        isOpen = true;
        sink.opened();
      };
      socket.onmessage = ({ data }) => take(sink, data);
      // Why a WebSocket did not open is not told to pages; the next way will learn it.
      socket.onclose = ({ code, reason }) =>
        sink.lost({ kind: code === 4401 ? "expired" : isOpen ? "lost" : "blocked", code, reason });
      return {
        close() {
          socket.onopen = socket.onmessage = socket.onclose = null;
          socket.close();
        },
      };
    },

    // Not by EventSource, which does not tell a refusal from a cut, nor a stream that is held back from a quiet one.
    sse(address, sink, { silence }) {
      const abort = new AbortController();
      let watch = 0;
      let retry;
      const read = async () => {
        const answer = await fetch(address(), {
          headers: { Accept: "text/event-stream" }, credentials: "include", cache: "no-store", signal: abort.signal,
        });
        if (answer.status !== 200) return lossOf(answer);
        if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) return { kind: "blocked", code: 200 };
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "", kind = "", id = "", data = [];
        for (;;) {
          clearTimeout(watch);
          watch = setTimeout(() => reader.cancel(), silence);
          const { value, done } = await reader.read().catch(() => ({ value: "", done: true }));
          if (done || abort.signal.aborted) return { kind: "lost", delay: retry };
          // The gateway speaks at once: whatever comes first proves that the stream is not held back.
          sink.opened();
          const lines = (rest + value).split("\n");
          rest = lines.pop();
          for (const line of lines.map((line) => line.replace(/\r$/, ""))) {
            const [, field, content] = /^([^:]*):? ?(.*)$/.exec(line);
            if (field === "data") data.push(content);
            else if (field === "event") kind = content;
            else if (field === "id") id = content;
            else if (field === "retry") retry = Number(content) || undefined;
            if (line) continue;
            if (data.length) kind === "gap" ? sink.gap(id) : sink.event(id, data.join("\n"));
            else if (id) sink.stands(id);
            [kind, id, data] = ["", "", []];
          }
        }
      };
      read().catch(() => ({ kind: "unreachable" })).then((loss) => {
        clearTimeout(watch);
        sink.lost(/** @type {Loss} */ (loss));
      });
      return { close: () => (clearTimeout(watch), abort.abort()) };
    },

    polling(address, sink, { pollWait, slowDelay, openTimeout }) {
      const abort = new AbortController();
      /** Cuts the pause between two polls short. */
      let wake = () => {};
      const ask = async (wait) => {
        const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(wait + openTimeout)]);
        const url = address(wait > 0 ? { wait: `${wait / 1000}` } : {});
        const answer = await fetch(url, { credentials: "include", cache: "no-store", signal });
        if (answer.status !== 200) throw await lossOf(answer);
        const text = await answer.text();
        return { events: eventTexts(text), delay: JSON.parse(text).poll_delay ?? slowDelay };
      };
      const poll = async () => {
        let isProven = false;
        // As by the other ways, who has had nothing is not given what was there before.
        let isSkipping = !address().searchParams.has("last_id");
        for (;;) {
          // The first one does not wait, so that it proves soon that this way gets through.
          const wait = isProven && !isSkipping && !document.hidden ? pollWait : 0;
          let pause = 0;
          try {
            const { events, delay } = await ask(wait);
            if (abort.signal.aborted) return;
            sink.opened();
            for (const text of events) isSkipping ? sink.stands(idOf(text)) : take(sink, text);
            if (isProven && wait === 0) pause = delay;
            if (isSkipping && delay > 0) {
              isSkipping = false;
              // Where there was nothing it stands at the beginning of everything.
              if (!address().searchParams.has("last_id")) sink.stands("0-1");
            }
            isProven = true;
          } catch (loss) {
            if (abort.signal.aborted) return;
            const { kind = "unreachable" } = loss;
            // Something on the way may not like to wait: from now on it is asked without.
            if (wait === 0 || (kind !== "unreachable" && kind !== "blocked")) return sink.lost({ ...loss, kind });
            pollWait = 0;
          }
          if (document.hidden) pause = Math.max(pause, slowDelay);
          if (pause > 0) {
            await new Promise((resolve) => {
              const timer = setTimeout(resolve, pause);
              wake = () => (clearTimeout(timer), resolve());
            });
          }
          if (abort.signal.aborted) return;
        }
      };
      poll();
      return { close: () => (abort.abort(), wake()), wake: () => wake() };
    },
  };

  /** The events' texts in the answer to a poll: the objects inside of its one object. @type {(text: string) => string[]} */
  const eventTexts = (text) => {
    const found = [];
    let depth = 0, start = 0;
    for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
      if (token === "{" && ++depth === 2) start = index;
      if (token === "}" && --depth === 1) found.push(text.slice(start, index + 1));
    }
    return found;
  };

  const paths = { websocket: "", sse: "events", polling: "api/v1/async_event/" };

  /** One connection, whatever it goes by; see the top of the file. */
  return class Sluice extends EventTarget {
    #base;
    /** @type {Settings} */
    #settings;
    #lastId = "";
    #key = "";
    /** What this page has kept last. */
    #kept = "";
    /** IDs of events that were given lately. */
    #recent = new Set();
    /** What is open, and what is being opened: while a better way is tried the other one stays. */
    #line = null;
    #trial = null;
    #isClosed = true;
    /** Of the next try, or of the next try of a better way. */
    #timer = 0;
    /** Tries that have failed one after the other, and those for a better way. */
    #failures = 0;
    #climbs = 0;
    /** Where the next try begins, and how often what began there broke soon. */
    #first = 0;
    #earlyEnds = 0;
    #hiddenSince = 0;

    /**
     * Connects at once.
     * @param {string | URL} [url] Where the gateway is reached; a path in front of its own is kept. Default: the page's own host.
     * @param {SluiceOptions} [options]
     */
    constructor(url = "/", options = {}) {
      super();
      this.#settings = { ...defaults, ...options };
      this.#base = new URL(url, location.href);
      if (!this.#base.pathname.endsWith("/")) this.#base.pathname += "/";
      const { remember } = this.#settings;
      if (remember) this.#key = remember === true ? `sluice:${this.#base}` : remember;
      this.#lastId = idPattern.test(options.lastId ?? "") ? options.lastId : this.#stored();
      this.connect();
    }

    /** The ID of the last event that was given; empty as long as nothing is known. */
    get lastId() {
      return this.#lastId;
    }

    /** What the events come by now; null while not connected. @returns {Transport | null} */
    get transport() {
      return this.#line ? this.#settings.transports[this.#line.level] : null;
    }

    /** @returns {"open" | "connecting" | "waiting" | "closed"} */
    get state() {
      return this.#isClosed ? "closed" : this.#line ? "open" : this.#trial ? "connecting" : "waiting";
    }

    /** Connects if it is not; what it was waiting for it does now. */
    connect() {
      if (this.#isClosed) this.#listen(true);
      this.#isClosed = false;
      if (this.#line || this.#trial) return;
      this.#open(this.#first);
    }

    /** Ends the connection, until `connect()`. Where it stands is not forgotten. */
    close() {
      if (!this.#isClosed) this.#listen(false);
      this.#isClosed = true;
      clearTimeout(this.#timer);
      this.#line?.close();
      this.#trial?.close();
      this.#line = this.#trial = null;
    }

    // MARK: Opening

    /** Tries one way after the other until one gets through; the open one, if there is one, stays until then. */
    #open(level) {
      clearTimeout(this.#timer);
      const way = this.#settings.transports[level];
      const trial = { level, openedAt: 0, wire: null, close: () => {} };
      const address = (parameters = {}) => {
        const url = new URL(paths[way], this.#base);
        if (this.#lastId) url.searchParams.set("last_id", this.#lastId);
        url.searchParams.set("gaps", "1");
        for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
        return url;
      };
      const watch = setTimeout(() => this.#lost(trial, { kind: "blocked", reason: "no answer" }), this.#settings.openTimeout);
      const isLine = () => this.#line === trial;
      trial.close = () => (clearTimeout(watch), trial.wire?.close());
      this.#trial = trial;
      trial.wire = ways[way](address, {
        opened: () => {
          clearTimeout(watch);
          if (this.#trial === trial) this.#opened(trial);
        },
        stands: (id) => isLine() && this.#stand(id),
        event: (id, text) => isLine() && this.#give(id, text),
        gap: (id) => {
          if (!isLine()) return;
          this.#stand(id);
          this.#tell("gap", { id });
        },
        lost: (loss) => this.#lost(trial, loss),
      }, this.#settings);
    }

    #opened(trial) {
      this.#line?.close();
      this.#line = trial;
      this.#trial = null;
      trial.openedAt = Date.now();
      this.#climbLater();
      this.#tell("open", { transport: this.transport });
    }

    /** Not from the best way: tries the better ones after a while, less and less often. */
    #climbLater() {
      clearTimeout(this.#timer);
      const level = this.#line.level;
      if (level === 0) return;
      const { climbDelay } = this.#settings;
      this.#timer = setTimeout(() => {
        this.#climbs += 1;
        if (document.hidden) this.#climbLater();
        else this.#open(0);
      }, this.#spread(Math.min(climbDelay * 2 ** this.#climbs, climbDelay * 10)));
    }

    // MARK: What comes

    #give(id, text) {
      // The same event by both of two ways, or repeated by a gateway that could not tell.
      const key = keyOf(id, text);
      if (this.#recent.has(key)) return;
      this.#recent.add(key);
      // While two are open, all that came since the second was asked for is kept in mind.
      while (this.#recent.size > recentEvents && !this.#trial) this.#recent.delete(this.#recent.values().next().value);
      this.#lastId = id;
      this.dispatchEvent(new MessageEvent("message", { data: JSON.parse(text), lastEventId: id, origin: this.#base.origin }));
      this.#keep();
    }

    #stand(id) {
      if (!id) return;
      this.#lastId = id;
      this.#keep();
    }

    // MARK: Ends

    #lost(trial, loss) {
      if (this.#isClosed || (trial !== this.#line && trial !== this.#trial)) return;
      trial.close();
      if (trial === this.#line) this.#lineLost(trial, loss);
      else this.#trialLost(trial, loss);
    }

    #lineLost(line, loss) {
      this.#line = null;
      const { transports } = this.#settings;
      if (Date.now() - line.openedAt >= goodAge) {
        this.#failures = this.#earlyEnds = 0;
        this.#first = line.level;
        if (line.level === 0) this.#climbs = 0;
      } else if (loss.kind === "lost" && loss.code !== 1001 && loss.code !== 1013 && ++this.#earlyEnds >= 2) {
        // Something on the way lets it open and cuts it then.
        this.#first = Math.min(line.level + 1, transports.length - 1);
        this.#earlyEnds = 0;
      }
      // A better way is being tried already.
      if (!this.#trial) this.#wait(loss);
    }

    #trialLost(trial, loss) {
      this.#trial = null;
      const next = trial.level + 1;
      if (loss.kind === "blocked" && next < (this.#line?.level ?? this.#settings.transports.length)) {
        return this.#open(next);
      }
      if (this.#line) return this.#climbLater();
      this.#first = 0;
      this.#wait(loss);
    }

    /** Tries again after a while. */
    #wait({ kind, code = 0, reason = "", delay = 0 }) {
      const { minDelay, maxDelay, slowDelay } = this.#settings;
      const isRefusal = kind === "expired" || kind === "refused";
      const backoff = this.#spread(Math.min(minDelay * 2 ** this.#failures, maxDelay));
      const slow = this.#spread(slowDelay * Math.min(2 ** this.#failures, 10));
      // Nobody looks: the first new try comes as soon as ever, further ones have time.
      const isSlow = isRefusal || (document.hidden && this.#failures > 0);
      const retryIn = Math.round(Math.max(backoff, delay, isSlow ? slow : 0));
      this.#failures += 1;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#open(this.#first), retryIn);
      this.#tell("down", { code, reason, retryIn });
      if (isRefusal && this.state === "waiting") this.#tell(kind, { code, reason, retryIn });
    }

    /** Between half of it and the whole: those that were cut off together do not come back together. */
    #spread(milliseconds) {
      return milliseconds * (1 - Math.random() / 2);
    }

    // MARK: The page's life

    #listen(isOn) {
      const change = isOn ? "addEventListener" : "removeEventListener";
      document[change]("visibilitychange", this.#visibilityChanged);
      window[change]("online", this.#cameBack);
      window[change]("pageshow", this.#cameBack);
      document[change]("resume", this.#cameBack);
    }

    #visibilityChanged = () => {
      if (document.hidden) {
        this.#hiddenSince = Date.now();
      } else if (this.#line && Date.now() - this.#hiddenSince < this.#settings.slowDelay) {
        this.#line.wire.wake?.();
      } else {
        this.#cameBack();
      }
    };

    /** Another network, or awake after a long sleep: what was open may be dead without anybody having been told. */
    #cameBack = (event) => {
      if (event?.type === "pageshow" && !event.persisted) return;
      if (this.#trial) return;
      this.#open(this.#line?.level ?? this.#first);
    };

    // MARK: Keeping the last ID

    #stored() {
      try {
        const id = this.#key && localStorage.getItem(this.#key);
        return id && idPattern.test(id) ? id : "";
      } catch {
        return ""; // Pages may be denied it.
      }
    }

    /** Not if another tab is further. */
    #keep() {
      if (!this.#key) return;
      const stored = this.#stored();
      if (stored && stored !== this.#kept && isAfter(stored, this.#lastId)) return;
      this.#kept = this.#lastId;
      try {
        localStorage.setItem(this.#key, this.#lastId);
      } catch {
        // Full, or denied: then a reload begins anew.
      }
    }

    #tell(type, detail) {
      this.dispatchEvent(new CustomEvent(type, { detail }));
    }
  };
})();
