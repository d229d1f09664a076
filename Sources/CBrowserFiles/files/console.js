"use strict";
(() => {
  /** Everything lies below the page's own path, to which its cookie belongs. */
  const base = location.pathname.replace(/\/?$/, "/");
  const find = (selector, within = document) => within.querySelector(selector);
  const make = (name, className, text) => {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  };
  const show = (state, name, text = name) => {
    state.dataset.state = name;
    state.textContent = text;
  };
  const warn = (text) => {
    const notice = find("#notice");
    notice.hidden = !text;
    notice.textContent = text;
  };
  let channel = "";

  // MARK: What comes

  const mostRows = 200;
  /** What the gateway's clock is ahead of this machine's, in milliseconds, where they differ by more than a message takes. */
  let clockOffset = 0;
  const gatewayTime = () => Date.now() + clockOffset;

  class Stream {
    #events;
    #button;
    #state;
    #article;
    #count = 0;
    #height = 0;
    #isAtEnd = true;
    /** When it was asked to connect, or, where it did so by itself, when it was connected. */
    #connectedAt = gatewayTime();
    #isAsked = true;
    #isAgain = false;
    #push;

    constructor(id, transport) {
      this.#article = find(`#${id}`);
      this.#events = find(".events", this.#article);
      this.#state = find(".state", this.#article);
      this.#button = find("button", this.#article);
      this.#push = new Sluice(base, { transports: [transport] });
      this.#push.addEventListener("open", () => this.#opened());
      this.#push.addEventListener("down", ({ detail }) => this.#down(detail));
      this.#push.addEventListener("message", (event) => this.#add(event));
      this.#push.addEventListener("gap", ({ detail }) => this.#mark(`events are missing behind ${detail.id}`));
      for (const kind of ["expired", "refused"]) {
        this.#push.addEventListener(kind, ({ detail }) => {
          warn(`The gateway lets this page in no longer (${detail.reason}). Open it with a new token.`);
        });
      }
      this.#button.addEventListener("click", () => this.#toggle());
      // Who has scrolled up is reading; others see what comes, on a turned phone too.
      this.#events.addEventListener("scroll", () => {
        const { scrollHeight, scrollTop, clientHeight } = this.#events;
        if (clientHeight === this.#height) this.#isAtEnd = scrollHeight - scrollTop - clientHeight < 40;
      });
      new ResizeObserver(() => this.#showEnd()).observe(this.#events);
    }

    #showEnd() {
      if (this.#isAtEnd) this.#events.scrollTop = this.#events.scrollHeight;
      this.#height = this.#events.clientHeight;
    }

    #toggle() {
      if (this.#push.state === "closed") {
        show(this.#state, "connecting");
        this.#connectedAt = gatewayTime();
        this.#isAsked = true;
        this.#push.connect();
        this.#button.textContent = "Cut";
        return;
      }
      this.#push.close();
      this.#mark("cut");
      show(this.#state, "closed", "cut");
      this.#button.textContent = "Reconnect";
    }

    #opened() {
      if (!this.#isAsked) this.#connectedAt = gatewayTime();
      this.#isAsked = false;
      show(this.#state, "open", "connected");
      warn("");
      if (this.#isAgain) this.#mark("connected again");
      this.#isAgain = true;
    }

    #down({ retryIn }) {
      show(this.#state, "connecting", `next try in ${Math.ceil(retryIn / 1000)} s`);
    }

    #add({ data, lastEventId }) {
      const row = document.createElement("li");
      row.append(make("span", "id", lastEventId));
      // Older than the connection: it was kept for this client.
      if (Number(lastEventId.split("-")[0]) < this.#connectedAt) row.append(make("span", "tag", "replayed"));
      const { id, channel_id, ...rest } = data;
      row.append(make("span", "text", JSON.stringify(rest)));
      this.#append(row);
      this.#count += 1;
      find(".count", this.#article).textContent = this.#count === 1 ? "1 event" : `${this.#count} events`;
      find(".last", this.#article).textContent = `last ${lastEventId}`;
    }

    #mark(text) {
      this.#append(make("li", "mark-line", text));
    }

    #append(row) {
      this.#events.append(row);
      while (this.#events.childElementCount > mostRows) this.#events.firstElementChild.remove();
      this.#showEnd();
    }
  }

  // MARK: Publishing

  const form = find("#publish");
  const published = find("#published");
  const say = (text, isFailure = false) => {
    published.toggleAttribute("data-failed", isFailure);
    published.textContent = text;
  };

  const publish = async (event) => {
    const answer = await fetch(`${base}api/publish`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(event),
    });
    const text = (await answer.text()).trim();
    if (!answer.ok) throw new Error(`${answer.status}: ${text}`);
    return JSON.parse(text).id;
  };

  const publishAll = async (count) => {
    let event;
    try {
      event = JSON.parse(find("#data").value);
      if (typeof event !== "object" || event === null || Array.isArray(event)) throw new Error("it is no object");
    } catch (error) {
      return say(`This is not a JSON object: ${error.message}`, true);
    }
    const buttons = form.querySelectorAll("button");
    for (const button of buttons) button.setAttribute("aria-disabled", "true");
    try {
      let id = "";
      for (let n = 1; n <= count; n += 1) id = await publish({ channel_id: channel, ...event, ...(count > 1 ? { n } : {}) });
      say(count > 1 ? `published ${count}, the last as ${id}` : `published as ${id}`);
    } catch (error) {
      say(error.message, true);
    } finally {
      for (const button of buttons) button.removeAttribute("aria-disabled");
    }
  };

  let isPublishing = false;
  const publishOnce = async (count) => {
    if (isPublishing) return;
    isPublishing = true;
    await publishAll(count);
    isPublishing = false;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    publishOnce(1);
  });
  find("#ten").addEventListener("click", () => publishOnce(10));
  find("#data").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit();
  });

  // MARK: Figures

  const whole = (value) => value.toLocaleString("en", { maximumFractionDigits: value < 10 && value % 1 ? 1 : 0, notation: value < 1e5 ? "standard" : "compact" });
  const duration = (ms) => (ms >= 1000 ? `${whole(ms / 1000)} s` : `${whole(ms)} ms`);
  const chart = (id, labels, format, least) => new Charts.Chart(find(`#${id}`), labels, { format, least });
  const connections = chart("connections", ["WebSocket", "event stream", "poll"], whole, 2);
  const deliveries = chart("deliveries", ["all channels"], whole, 10);
  const lag = chart("lag", ["age of the newest event when read"], duration, 10);
  const latency = chart("latency", ["median", "95 %", "99 %"], duration, 2);

  /** Latencies are those of the last so many figures: in one second there may be too few to say anything. */
  const latencySpan = 10;
  const past = [];

  const take = ({ time, figures }) => {
    const last = past.at(-1);
    const first = past.length > latencySpan ? past.at(-latencySpan) : past[0];
    // A gateway that was started anew counts from nothing.
    const isNew = !last || figures.deliveries < last.figures.deliveries;
    const { websocket, sse, poll = 0 } = figures.connections;
    connections.add(time, [websocket, sse, poll]);
    lag.add(time, [figures.stream_lag_ms]);
    deliveries.add(time, [isNew ? null : ((figures.deliveries - last.figures.deliveries) * 1000) / Math.max(time - last.time, 1)]);
    const { bounds, counts } = figures.delivery_latency;
    const since = isNew ? counts : counts.map((count, index) => count - first.figures.delivery_latency.counts[index]);
    latency.add(time, [0.5, 0.95, 0.99].map((share) => {
      const microseconds = isNew ? null : Charts.percentile(bounds, since, share);
      return microseconds === null ? null : microseconds / 1000;
    }));
    if (isNew) past.length = 0;
    past.push({ time, figures });
    if (past.length > latencySpan + 1) past.shift();
    show(find("#gateway"), figures.redis_connected ? "open" : "connecting", figures.redis_connected ? "serving" : "Redis is away");
  };

  const figures = new EventSource(`${base}figures`);
  figures.addEventListener("session", ({ data }) => {
    const session = JSON.parse(data);
    channel = session.channel;
    find("#channel").textContent = channel;
    find("#version").textContent = session.version;
    if (!session.publish) say("This page's token may not publish to its channel; `sluice token --channel … --publish …` makes one that may.");
  });
  figures.addEventListener("message", ({ data }) => {
    const now = JSON.parse(data);
    const ahead = now.time - Date.now();
    clockOffset = Math.abs(ahead) < 2000 ? 0 : ahead;
    take(now);
  });
  figures.addEventListener("error", () => {
    const isOver = figures.readyState === EventSource.CLOSED;
    show(find("#gateway"), isOver ? "closed" : "connecting", isOver ? "no figures" : "not reached");
    if (isOver) warn("The gateway sends no figures any more. Load the page again, with a new token if it wants one.");
  });

  new Stream("websocket", "websocket");
  new Stream("sse", "sse");
})();
