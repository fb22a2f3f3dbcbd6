import type { ButtonHTMLAttributes, ReactNode } from "react";

type Look = "primary" | "plain" | "danger" | "quiet";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-accent-ink border-transparent hover:bg-accent-hover",
  plain: "bg-panel text-ink border-edge hover:bg-hover",
  danger: "bg-bad-fill text-bad-ink border-transparent hover:brightness-90",
  quiet: "bg-transparent text-ink border-transparent hover:bg-hover",
};

export function buttonClass(look: Look = "plain", size: "md" | "sm" = "md"): string {
  const box = size === "md" ? "h-8 px-3 text-base" : "h-6.5 px-2 text-sm";
  return `inline-flex shrink-0 cursor-pointer items-center justify-center gap-1.5 rounded-md border font-medium whitespace-nowrap no-underline transition-colors disabled:cursor-default disabled:opacity-55 aria-disabled:cursor-default aria-disabled:opacity-55 ${box} ${LOOKS[look]}`;
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  size?: "md" | "sm";
  /** Says that the act is under way: keeps focus, ignores further clicks. */
  busy?: boolean;
  children: ReactNode;
}

export function Button({ look = "plain", size = "md", busy = false, className = "", onClick, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
      className={`${buttonClass(look, size)} ${className}`}
    />
  );
}
