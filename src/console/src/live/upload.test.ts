import { describe, expect, it } from "vitest";
import { Problem } from "../api/problem";
import { type Piece, type Send, type Upload, uploadFile } from "./upload";

const PIECE = 8 * 1024 * 1024;
const file = (size: number) => new Blob([new Uint8Array(size)]);
const away = new Problem({ status: 0, code: "unreachable", detail: "no answer" });

/** The far side: keeps what arrives; `breaks` says for each request whether it is cut before or after it was taken. */
function appliance(breaks: ("before" | "after" | undefined)[]) {
  const kept: Upload = { upload: "upload_1", bytes: 0, complete: false };
  const asked: string[] = [];
  const take = ({ method, headers, body }: Piece) => {
    if (method !== "PATCH") return;
    if (Number(headers["Upload-Offset"]) !== kept.bytes) {
      throw new Problem({ status: 409, code: "upload_offset", detail: "not there", data: { bytes: kept.bytes } });
    }
    kept.bytes += body?.size ?? 0;
    kept.complete = headers["Upload-Complete"] === "?1";
  };
  const send: Send = async (piece) => {
    asked.push(piece.method);
    const cut = breaks.shift();
    if (cut === "before") throw away;
    take(piece);
    if (cut === "after") throw away;
    return { ...kept };
  };
  return { send, asked, kept };
}

const signal = () => new AbortController().signal;
const pause = async () => {};

describe("uploadFile", () => {
  it("sends a large file in pieces and says how far it is", async () => {
    const far = appliance([]);
    const said: number[] = [];
    expect(await uploadFile(file(2 * PIECE + 5), (bytes) => said.push(bytes), signal(), { ...far, pause })).toBe(
      "upload_1",
    );
    expect(far.kept).toMatchObject({ bytes: 2 * PIECE + 5, complete: true });
    expect(far.asked).toEqual(["POST", "PATCH", "PATCH", "PATCH"]);
    expect(said).toEqual([0, PIECE, 2 * PIECE, 2 * PIECE + 5]);
  });

  it("completes an empty file", async () => {
    const far = appliance([]);
    await uploadFile(file(0), () => {}, signal(), { ...far, pause });
    expect(far.kept).toMatchObject({ bytes: 0, complete: true });
  });

  it.each(["before", "after"] as const)(
    "neither loses nor repeats a piece when every request is cut %s it is taken",
    async (cut) => {
      const far = appliance([undefined, ...Array(9).fill([cut, undefined]).flat()]);
      const said: boolean[] = [];
      await uploadFile(file(3 * PIECE + 1), (_, gone) => said.push(gone), signal(), { ...far, pause });
      expect(far.kept).toMatchObject({ bytes: 3 * PIECE + 1, complete: true });
      expect(said).toContain(true);
    },
  );

  it("stops at once when the appliance refuses", async () => {
    const full = new Problem({ status: 413, code: "upload_too_large", detail: "too large" });
    const send: Send = async () => {
      throw full;
    };
    await expect(uploadFile(file(1), () => {}, signal(), { send, pause })).rejects.toBe(full);
  });

  it("gives up after forty failures in a row", async () => {
    let asked = 0;
    const send: Send = async () => {
      asked += 1;
      throw away;
    };
    await expect(uploadFile(file(1), () => {}, signal(), { send, pause })).rejects.toBe(away);
    expect(asked).toBe(41);
  });

  it("ends with an AbortError when it is stopped", async () => {
    const stop = new AbortController();
    const send: Send = async () => {
      stop.abort();
      throw away;
    };
    await expect(uploadFile(file(1), () => {}, stop.signal, { send, pause })).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});
