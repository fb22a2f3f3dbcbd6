import { beforeEach, expect, it, vi } from "vitest";
import { EventLink } from "./events";

class Socket {
  onopen?: () => void;
  onmessage?: (message: { data: unknown }) => void;
  onclose?: (event: { code: number }) => void;
  closed = false;
  close() {
    this.closed = true;
  }
}

let sockets: Socket[];
let cursors: (string | undefined)[];
let link: EventLink;

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  cursors = [];
  link = new EventLink((cursor) => {
    const socket = new Socket();
    sockets.push(socket);
    cursors.push(cursor);
    return socket as unknown as WebSocket;
  });
  return () => vi.useRealTimers();
});

const event = (cursor: string) => ({
  data: JSON.stringify({ events: [{ event_type: "job.progress", cursor, payload: {} }], cursor }),
});
const lost = { code: 1006 };

it("resumes behind the last event after the connection is lost", () => {
  link.start();
  sockets[0]?.onopen?.();
  expect(link.link).toBe("live");
  sockets[0]?.onmessage?.(event("41"));
  sockets[0]?.onclose?.(lost);
  expect(link.link).toBe("waiting");
  vi.advanceTimersByTime(500);
  expect(cursors).toEqual([undefined, "41"]);
});

it("forgets a cursor that the appliance refuses", () => {
  link.start();
  sockets[0]?.onopen?.();
  sockets[0]?.onmessage?.(event("41"));
  sockets[0]?.onclose?.({ code: 1008 });
  vi.advanceTimersByTime(15_000);
  expect(cursors).toEqual([undefined, undefined]);
});

it("says that the session is over and does not knock again", () => {
  const heard = vi.fn();
  link.listen(heard);
  link.start();
  sockets[0]?.onclose?.({ code: 4401 });
  vi.advanceTimersByTime(60_000);
  expect(sockets).toHaveLength(1);
  expect(heard).toHaveBeenCalledOnce();
});

it("hears nothing more after stop and does not reconnect", () => {
  const heard = vi.fn();
  link.listen(heard);
  link.start();
  link.stop();
  sockets[0]?.onmessage?.(event("1"));
  sockets[0]?.onclose?.(lost);
  vi.advanceTimersByTime(60_000);
  expect(sockets).toHaveLength(1);
  expect(sockets[0]?.closed).toBe(true);
  expect(heard).not.toHaveBeenCalled();
});

it("tries at once when nudged while waiting, and only then", () => {
  link.start();
  link.nudge();
  expect(sockets).toHaveLength(1);
  sockets[0]?.onclose?.(lost);
  link.nudge();
  expect(sockets).toHaveLength(2);
});
