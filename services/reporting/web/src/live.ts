import { backOff, Splitter, type Message } from "./sse.ts";

export type Connection = { state: "live" } | { state: "connecting" } | { state: "waiting"; until: number };

interface Listener {
  open(signal: AbortSignal): Promise<Response>;
  onConnection(connection: Connection): void;
  /** The stream (re)opened: something may have been missed. */
  onOpen(): void;
  onMessage(message: Message): void;
  /** 401: only a new token helps. */
  onUnauthorised(): void;
}

/** Twice the server's ping and a little: longer silence is a dead connection. */
const SILENCE_MS = 40_000;

/** Follows a stream for good: reconnects with back-off, at once when the browser is online again. Returns the function that ends it. */
export function follow(listener: Listener): () => void {
  const end = new AbortController();
  let wake: (() => void) | null = null;
  const online = (): void => wake?.();
  window.addEventListener("online", online);

  const pause = (ms: number): Promise<void> => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => { clearTimeout(timer); resolve(); };
    end.signal.addEventListener("abort", wake, { once: true });
  });

  /** One connection until it ends; says whether it ever delivered. */
  async function once(): Promise<boolean> {
    const connection = new AbortController();
    const stop = (): void => connection.abort();
    end.signal.addEventListener("abort", stop, { once: true });
    let watch = setTimeout(stop, SILENCE_MS);
    let delivered = false;
    try {
      const response = await listener.open(connection.signal);
      if (response.status === 401) {
        listener.onUnauthorised();
        return false;
      }
      if (!response.ok || !response.body) return false;
      listener.onConnection({ state: "live" });
      listener.onOpen();
      const splitter = new Splitter();
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || end.signal.aborted) return delivered;
        delivered = true;
        clearTimeout(watch);
        watch = setTimeout(stop, SILENCE_MS);
        for (const message of splitter.push(decoder.decode(value, { stream: true }))) listener.onMessage(message);
      }
    } catch {
      return delivered;
    } finally {
      clearTimeout(watch);
      end.signal.removeEventListener("abort", stop);
      connection.abort();
    }
  }

  void (async () => {
    for (let attempt = 0; !end.signal.aborted; attempt += 1) {
      listener.onConnection({ state: "connecting" });
      if (await once()) attempt = 0;
      if (end.signal.aborted) break;
      const ms = backOff(attempt);
      listener.onConnection({ state: "waiting", until: Date.now() + ms });
      await pause(ms);
    }
  })();

  return () => {
    window.removeEventListener("online", online);
    end.abort();
  };
}

/** Runs `work` at once when asked, never twice at a time, with `gap` ms between runs; asked again meanwhile, it runs once more. */
export function calmly(work: () => Promise<void>, gap: number): () => void {
  let busy = false;
  let again = false;
  return async function ask() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      await work();
    } finally {
      setTimeout(() => {
        busy = false;
        if (again) {
          again = false;
          void ask();
        }
      }, gap);
    }
  };
}
