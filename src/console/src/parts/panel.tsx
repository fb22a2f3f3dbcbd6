import { type ReactNode, useEffect, useId, useRef } from "react";

/** The head of a page: its title takes focus after navigation, so that a screen reader says where it is. */
export function Page({
  title,
  note,
  act,
  children,
}: {
  title: string;
  note?: ReactNode;
  act?: ReactNode;
  children: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} – ATT`;
    heading.current?.focus({ preventScroll: true });
  }, [title]);
  return (
    <div className="flex flex-col gap-5">
      <header className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <h1 ref={heading} tabIndex={-1} className="text-xl font-semibold tracking-tight text-balance">
            {title}
          </h1>
          {note ? <p className="mt-0.5 max-w-3xl text-muted">{note}</p> : null}
        </div>
        {act ? <div className="flex flex-wrap items-center gap-2">{act}</div> : null}
      </header>
      {children}
    </div>
  );
}

export function Panel({
  title,
  act,
  children,
  flush = false,
  className = "",
}: {
  title?: ReactNode;
  act?: ReactNode;
  children: ReactNode;
  /** The content reaches the frame: tables and lists bring their own padding. */
  flush?: boolean;
  className?: string;
}) {
  const id = useId();
  return (
    <section
      aria-labelledby={title ? id : undefined}
      className={`min-w-0 rounded-lg border border-line bg-panel ${className}`}
    >
      {title ? (
        <div className="flex min-h-10 flex-wrap items-center justify-between gap-x-4 gap-y-1 border-b border-line px-4 py-1.5">
          <h2 id={id} className="text-base font-semibold">
            {title}
          </h2>
          {act}
        </div>
      ) : null}
      <div className={flush ? "" : "p-4"}>{children}</div>
    </section>
  );
}

/** Names and values, one row each. */
export function Facts({ rows }: { rows: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className="divide-y divide-line">
      {rows.map(([name, value]) => (
        <div key={name} className="grid grid-cols-[7.5rem_1fr] gap-x-4 px-4 py-1.5 sm:grid-cols-[10rem_1fr]">
          <dt className="text-muted">{name}</dt>
          <dd className="min-w-0 wrap-anywhere">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
