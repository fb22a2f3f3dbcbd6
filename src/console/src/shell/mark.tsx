/** The mark: a track with a siding. Whatever leaves the main line can come back to it. */
export function Mark() {
  return (
    <span className="flex items-center gap-2.5 font-semibold tracking-wide">
      <svg
        viewBox="0 0 26 16"
        aria-hidden="true"
        className="h-4 w-6.5 text-accent"
        fill="none"
        stroke="currentColor"
        strokeWidth="2.2"
        strokeLinecap="round"
      >
        <path d="M2 13h22" />
        <path d="M2 13h7c2.6 0 3.6-1.7 4.6-4.7C14.6 5.4 15.8 3.5 18.5 3.5H22" className="opacity-60" />
        <circle cx="8" cy="13" r="2.2" fill="currentColor" stroke="none" />
      </svg>
      ATT
    </span>
  );
}
