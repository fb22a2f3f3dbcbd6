import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "@tanstack/react-router";
import { status } from "../api/queries";
import { usePolling } from "../live/events";
import { Note } from "../parts/note";

/** On every other page: an upgrade is under way, and where to watch it. */
export function UpgradeBanner() {
  const running = useQuery({
    ...status,
    select: (found) => found.upgrade,
    refetchInterval: usePolling(20_000, 8_000),
  }).data;
  const here = useLocation({ select: ({ pathname }) => pathname });
  const transaction = running?.transaction;
  if (typeof transaction !== "string" || here === `/releases/upgrade/${transaction}`) return null;
  return (
    <div className="mb-5">
      <Note
        tone="run"
        title="An upgrade is under way."
        act={
          <Link
            to="/releases/upgrade/$transaction"
            params={{ transaction }}
            className="font-medium text-accent underline underline-offset-2"
          >
            Watch it
          </Link>
        }
      />
    </div>
  );
}
