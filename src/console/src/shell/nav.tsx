import { Link } from "@tanstack/react-router";

const ICONS = {
  overview: "M2.5 2.5h4.5v6H2.5zM9 2.5h4.5v3.5H9zM9 8.5h4.5v5H9zM2.5 11h4.5v2.5H2.5z",
  releases: "M8 1.8 14 5v6l-6 3.2L2 11V5zM2 5l6 3.2L14 5M8 8.2v6",
  jobs: "M2.5 4h1M2.5 8h1M2.5 12h1M6 4h7.5M6 8h7.5M6 12h7.5",
  tokens: "M10.2 9.6a3.9 3.9 0 1 0-3.8-3.8L2 10.2V14h3.4v-1.9h1.9v-1.9zM11 5h.01",
  audit: "M4 1.8h6l2.5 2.6v9.8H4zM6 7h4.5M6 9.5h4.5M6 12h3",
  docs: "M8 3.6C6.5 2.4 4.5 2.2 2 2.5v10.3c2.5-.3 4.5-.1 6 1.2 1.5-1.3 3.5-1.5 6-1.2V2.5c-2.5-.3-4.5-.1-6 1.1zM8 3.6v10.4",
} as const;

const PLACES = [
  { to: "/", label: "Overview", icon: "overview" },
  { to: "/releases", label: "Releases & upgrade", icon: "releases" },
  { to: "/jobs", label: "Jobs", icon: "jobs" },
  { to: "/tokens", label: "Tokens", icon: "tokens" },
  { to: "/audit", label: "Audit", icon: "audit" },
  { to: "/docs", label: "Docs", icon: "docs" },
] as const;

export function Nav({ onGo }: { onGo?: () => void }) {
  return (
    <nav aria-label="Main">
      <ul className="flex flex-col gap-px">
        {PLACES.map(({ to, label, icon }) => (
          <li key={to}>
            <Link
              to={to}
              activeOptions={{ exact: to === "/" }}
              onClick={() => onGo?.()}
              className="flex h-8 items-center gap-2.5 rounded-md px-2.5 text-ink no-underline hover:bg-hover max-md:h-10"
              activeProps={{
                className: "bg-accent-soft font-medium text-accent! hover:bg-accent-soft",
                "aria-current": "page",
              }}
            >
              <svg
                viewBox="0 0 16 16"
                aria-hidden="true"
                className="size-4 shrink-0"
                fill="none"
                stroke="currentColor"
                strokeWidth="1.4"
                strokeLinecap="round"
                strokeLinejoin="round"
              >
                <path d={ICONS[icon]} />
              </svg>
              {label}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
