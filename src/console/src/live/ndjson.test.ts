import { expect, it } from "vitest";
import { LineReader } from "./ndjson";

const bytes = (text: string) => new TextEncoder().encode(text);

it("joins a line that arrives in pieces, even inside a character", () => {
  const whole = bytes('{"text":"grün"}\n{"text":"b"}\n');
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const reader = new LineReader();
    const found = [...reader.push(whole.slice(0, cut)), ...reader.push(whole.slice(cut))];
    expect(found).toEqual([{ text: "grün" }, { text: "b" }]);
  }
});

it("drops empty and broken lines and keeps the rest", () => {
  expect(new LineReader().push(bytes('\n{"a":1\n{"b":2}\n{"cut'))).toEqual([{ b: 2 }]);
});
