// The event WebSocket: opened while somebody is signed in, reconnects for ever, resumes by cursor.

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { closing, type Link, type LiveEvent, pollInterval, readEvents, reconnectDelay, staleKeys } from "./decision";

/** Not of the appliance: the connection was refused because the session is over. */
const SIGNED_OUT: LiveEvent = { type: "console.signed_out", cursor: undefined, payload: {} };

type Listener = (event: LiveEvent) => void;

export class EventLink {
  #link: Link = "off";
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #cursor: string | undefined;
  readonly #watchers = new Set<() => void>();
  readonly #listeners = new Set<Listener>();
  readonly #open: (cursor: string | undefined) => WebSocket;

  constructor(open: (cursor: string | undefined) => WebSocket) {
    this.#open = open;
  }

  get link(): Link {
    return this.#link;
  }

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    if (this.#link === "off") this.#connect();
  }

  stop(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#cursor = undefined;
    this.#failures = 0;
    socket?.close();
    this.#set("off");
  }

  /** Try now instead of when the back-off ends: the browser came back online, the page became visible. */
  nudge(): void {
    if (this.#link !== "waiting") return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  #connect(): void {
    this.#set("connecting");
    const socket = this.#open(this.#cursor);
    this.#socket = socket;
    socket.onopen = () => {
      if (this.#socket === socket) this.#set("live");
    };
    socket.onmessage = (message: MessageEvent) => {
      if (this.#socket !== socket) return;
      this.#failures = 0;
      for (const event of readEvents(message.data)) {
        if (event.cursor !== undefined) this.#cursor = event.cursor;
        for (const listener of this.#listeners) listener(event);
      }
    };
    socket.onclose = ({ code }: CloseEvent) => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#lost(closing(code));
    };
  }

  #lost(reason: ReturnType<typeof closing>): void {
    if (reason === "signed-out") {
      this.#set("off");
      for (const listener of this.#listeners) listener(SIGNED_OUT);
      return;
    }
    // A database that went back with its release may not know the cursor any more: then start from now.
    if (reason === "forget-cursor" || this.#failures > 3) this.#cursor = undefined;
    if (reason === "restart") this.#failures = 0;
    this.#timer = setTimeout(() => this.#connect(), reconnectDelay(this.#failures, Math.random()));
    this.#failures += 1;
    this.#set("waiting");
  }

  #set(link: Link): void {
    this.#link = link;
    for (const watcher of this.#watchers) watcher();
  }
}

export const events = new EventLink((cursor) => {
  const url = new URL("/api/v1/events", window.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  if (cursor !== undefined) url.searchParams.set("cursor", cursor);
  return new WebSocket(url);
});

export function useLink(): Link {
  return useSyncExternalStore(events.watch, () => events.link);
}

/** A `refetchInterval`: `live` milliseconds while events arrive (false: not at all), `alone` while they do not. */
export function usePolling(live: number | false = 60_000, alone = 4_000): number | false {
  return pollInterval(useLink(), live, alone);
}

/** Hold the connection open while mounted and refetch what each event makes stale. */
export function useLiveQueries(): void {
  const queries = useQueryClient();
  useEffect(() => {
    const stale = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      for (const key of stale) queries.invalidateQueries({ queryKey: [key] });
      stale.clear();
    };
    const off = events.listen((event) => {
      if (event === SIGNED_OUT) {
        queries.invalidateQueries();
        return;
      }
      const keys = staleKeys(event.type);
      if (keys === "all") queries.invalidateQueries();
      else for (const key of keys) stale.add(key);
      timer ??= setTimeout(flush, 150);
    });
    // Whatever happened while there was no connection is read anew once it is back.
    let wasLive = false;
    const unwatch = events.watch(() => {
      if (events.link === "live" && wasLive) queries.invalidateQueries();
      if (events.link === "live") wasLive = true;
    });
    const nudge = () => {
      if (document.visibilityState === "visible") events.nudge();
    };
    window.addEventListener("online", nudge);
    document.addEventListener("visibilitychange", nudge);
    events.start();
    return () => {
      off();
      unwatch();
      clearTimeout(timer);
      window.removeEventListener("online", nudge);
      document.removeEventListener("visibilitychange", nudge);
      events.stop();
    };
  }, [queries]);
}
