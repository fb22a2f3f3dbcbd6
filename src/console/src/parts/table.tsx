import type { ReactNode } from "react";

export interface Column<Row> {
  head: string;
  cell: (row: Row) => ReactNode;
  /** Numbers and times stand right. */
  right?: boolean;
  /** Names the row for screen readers. */
  title?: boolean;
  className?: string;
}

/** A dense table that turns into a list of cards below 640 px: each cell then carries its own label. */
export function Table<Row>({
  caption,
  columns,
  rows,
  rowKey,
}: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
}) {
  return (
    <table className="block w-full border-collapse text-sm sm:table">
      <caption className="sr-only">{caption}</caption>
      <thead className="sr-only sm:not-sr-only sm:table-header-group">
        <tr className="border-b border-line text-left text-xs text-muted">
          {columns.map((column) => (
            <th
              key={column.head}
              scope="col"
              className={`px-2 py-1.5 font-medium first:pl-4 last:pr-4 ${column.right ? "text-right" : ""}`}
            >
              {column.head === "" ? <span className="sr-only">Acts</span> : column.head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody className="block divide-y divide-line sm:table-row-group">
        {rows.map((row) => (
          <tr key={rowKey(row)} className="block px-4 py-2 hover:bg-sunken sm:table-row sm:px-0 sm:py-0">
            {columns.map((column) => {
              const Cell = column.title ? "th" : "td";
              return (
                <Cell
                  key={column.head}
                  scope={column.title ? "row" : undefined}
                  data-column={column.head}
                  className={`flex justify-between gap-4 py-0.5 text-left align-top font-normal sm:table-cell sm:px-2 sm:py-1.5 sm:first:pl-4 sm:last:pr-4 ${column.right ? "sm:text-right" : ""} ${column.className ?? ""}`}
                >
                  {column.head === "" || column.title ? null : (
                    <span className="shrink-0 text-muted sm:hidden" aria-hidden="true">
                      {column.head}
                    </span>
                  )}
                  <div
                    className={`min-w-0 wrap-anywhere max-sm:not-first:text-right ${column.head === "" ? "max-sm:ml-auto" : ""}`}
                  >
                    {column.cell(row)}
                  </div>
                </Cell>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
