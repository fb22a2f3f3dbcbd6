import { useMutation, useQuery } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import { useRef } from "react";
import { client } from "../api/client";
import { status } from "../api/queries";
import { useLink, useLiveQueries } from "../live/events";
import { Button, buttonClass } from "../parts/button";
import { DiskBanner } from "./disk-banner";
import { Mark } from "./mark";
import { Nav } from "./nav";
import { me } from "./session";
import { UpgradeBanner } from "./upgrade-banner";

export function Frame() {
  useLiveQueries();
  const menu = useRef<HTMLDialogElement>(null);
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[13.5rem_1fr]">
      <a
        href="#main"
        className="absolute top-1 left-1 z-20 -translate-y-12 rounded-md bg-accent px-3 py-1.5 text-accent-ink focus:translate-y-0"
      >
        Skip to content
      </a>
      <aside className="sticky top-0 hidden h-dvh flex-col gap-4 border-r border-line bg-panel px-2.5 py-3 md:flex">
        <div className="px-2.5 pt-0.5">
          <Mark />
        </div>
        <Nav />
        <div className="mt-auto flex flex-col gap-2">
          <Standing />
          <Account />
        </div>
      </aside>
      <header className="sticky top-0 z-10 flex h-12 items-center justify-between border-b border-line bg-panel pr-2 pl-4 md:hidden">
        <Mark />
        <button type="button" className={buttonClass("quiet")} onClick={() => menu.current?.showModal()}>
          Menu
        </button>
      </header>
      <dialog
        ref={menu}
        aria-label="Menu"
        className="m-0 ml-auto h-dvh max-h-none w-72 max-w-[85vw] border-l border-line bg-panel p-0 text-ink"
      >
        <div className="flex h-full flex-col gap-3 p-3">
          <button type="button" className={`${buttonClass("quiet")} self-end`} onClick={() => menu.current?.close()}>
            Close
          </button>
          <Nav onGo={() => menu.current?.close()} />
          <div className="mt-auto flex flex-col gap-2">
            <Standing />
            <Account />
          </div>
        </div>
      </dialog>
      <main id="main" tabIndex={-1} className="mx-auto w-full max-w-6xl min-w-0 px-4 py-5 sm:px-6 md:py-6">
        <UpgradeBanner />
        <DiskBanner />
        <Outlet />
      </main>
    </div>
  );
}

/** Release and connection: the two things that change under an open page. */
function Standing() {
  const link = useLink();
  const release = useQuery({ ...status, select: (found) => found.release }).data ?? "…";
  return (
    <div className="flex flex-col gap-0.5 px-2.5 text-xs text-muted">
      <span className="mono truncate" title={release}>
        {release}
      </span>
      <span role="status" className="flex items-center gap-1.5">
        <span
          aria-hidden="true"
          className={`size-1.5 rounded-full ${link === "live" ? "bg-ok" : link === "connecting" ? "bg-edge" : "animate-run bg-warn"}`}
        />
        {link === "live" ? "Live" : link === "connecting" ? "Connecting" : "Reconnecting"}
      </span>
    </div>
  );
}

function Account() {
  const user = useQuery(me).data;
  const signOut = useSignOut();
  return (
    <div className="flex items-center justify-between gap-2 border-t border-line pt-2 pl-2.5">
      <span className="min-w-0">
        <span className="block truncate font-medium">{user?.name}</span>
        <span className="block text-xs text-muted">{user?.role}</span>
      </span>
      <Button look="quiet" size="sm" onClick={signOut}>
        Sign out
      </Button>
    </div>
  );
}

/** Sign out and load the page anew, so that nothing of what was shown stays in memory. */
function useSignOut(): () => void {
  const out = useMutation({
    mutationFn: () => client.POST("/api/v1/auth/sign-out"),
    onSettled: () => window.location.assign("/sign-in"),
  });
  return out.mutate;
}
