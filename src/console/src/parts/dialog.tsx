import { type ReactNode, useEffect, useId, useRef } from "react";

/**
 * A modal question. The platform's <dialog> keeps focus inside, closes on Escape and gives focus back,
 * and needs no run-time <style>, which the content security policy would refuse.
 */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onClose={onClose}
      className="m-auto w-full max-w-lg rounded-lg border border-line bg-panel p-0 text-ink shadow-xl max-sm:mb-3 max-sm:max-w-[calc(100vw-1.5rem)]"
    >
      <div className="flex max-h-[calc(100dvh-3rem)] flex-col gap-4 overflow-y-auto p-5">
        <h2 id={id} className="text-lg font-semibold">
          {title}
        </h2>
        {children}
      </div>
    </dialog>
  );
}

/** The row of buttons at a dialog's foot: the act last, where the eye and the Tab key arrive. */
export function DialogActs({ children }: { children: ReactNode }) {
  return <div className="mt-1 flex flex-wrap justify-end gap-2">{children}</div>;
}
