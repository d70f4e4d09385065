/** One message of a server-sent stream. */
export interface Message {
  event: string;
  data: string;
}

/** Cuts a stream of text into messages (WHATWG event stream: lines by LF, CR or CRLF, a blank line ends a message, ":" is a comment). */
export class Splitter {
  private rest = "";
  private event = "";
  private data: string[] = [];

  /** Gives the messages that this piece of text completes. */
  push(text: string): Message[] {
    const found: Message[] = [];
    this.rest += text;
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.rest);
      if (!end) return found;
      const line = this.rest.slice(0, end.index);
      this.rest = this.rest.slice(end.index + end[0].length);
      if (line !== "") {
        this.field(line);
        continue;
      }
      if (this.data.length > 0 || this.event !== "") found.push({ event: this.event || "message", data: this.data.join("\n") });
      this.event = "";
      this.data = [];
    }
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.event = value;
    if (name === "data") this.data.push(value);
  }
}

/** Milliseconds to wait before try n (0, 1, 2 …): doubles from half a second to 30 s, spread so that many pages do not return at once. */
export function backOff(attempt: number, chance = Math.random()): number {
  return Math.round(Math.min(30_000, 500 * 2 ** attempt) * (0.75 + chance / 2));
}

/** Does a change in these units ("*": any) touch the shown one? A province is touched by each of its communes. */
export function touches(units: readonly string[], shown: string): boolean {
  return shown.length === 2 ? units.length > 0 : units.some((unit) => unit === "*" || unit === shown);
}
