import { describe, expect, it } from "vitest";
import { anchorOf, plain, targetOf, withoutTitle } from "./decision";

describe("the guide's Markdown", () => {
  it("gives each heading an anchor of its words", () => {
    expect(anchorOf("Log in for the first time")).toBe("log-in-for-the-first-time");
    expect(anchorOf("attctl ssh-key add")).toBe("attctl-ssh-key-add");
    expect(anchorOf("`att` – ends?")).toBe("att-ends");
  });

  it("leads to pages of the guide and to the web over TLS, nowhere else", () => {
    expect(targetOf("exit-codes.md")).toEqual({ kind: "page", page: "exit-codes" });
    expect(targetOf("https://example.org/a")).toEqual({ kind: "elsewhere", href: "https://example.org/a" });
    for (const href of ["javascript:alert(1)", "http://example.org", "../layout.md", "data:text/html,x", ""]) {
      expect(targetOf(href)).toEqual({ kind: "none" });
    }
  });

  it("shows a line that stands alone without marks", () => {
    expect(plain("## The key")).toBe("The key");
    expect(plain("- `attctl docs` lists **all** ([backup](backup.md)).")).toBe("attctl docs lists all (backup).");
    expect(plain("| `disk_full` | free disk space |")).toBe("disk_full: free disk space");
    expect(plain("a - b #c")).toBe("a - b #c");
  });

  it("shows the title once", () => {
    expect(withoutTitle("# Backup\n\nOne file.\n\n# Two\n")).toBe("One file.\n\n# Two\n");
    expect(withoutTitle("Words.\n")).toBe("Words.\n");
  });
});
