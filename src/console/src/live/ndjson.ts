// Splits a byte stream into JSON lines; what follows the last newline waits for the next piece.

export class LineReader {
  readonly #decoder = new TextDecoder();
  #rest = "";

  push(piece: Uint8Array): unknown[] {
    const lines = (this.#rest + this.#decoder.decode(piece, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.filter((line) => line.trim() !== "").flatMap(parsed);
  }
}

/** A line cut by a restart is dropped: reading on from the last cursor brings it again, whole. */
function parsed(line: string): unknown[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}
