import type { ComponentChildren } from "preact";
import type { Pages } from "../api/use-pages.ts";
import { Trouble, Waiting } from "./blocks.tsx";
import { Button } from "./button.tsx";
import { type Column, Table } from "./table.tsx";

interface PagedTableProps<Row> {
  label: string;
  pages: Pages<Row>;
  columns: readonly Column<Row>[];
  keyOf(row: Row): string;
  isSelected?(row: Row): boolean;
  /** Shown if the list is empty. */
  empty: ComponentChildren;
}

/** A table of a list that comes in pages: what it shows while it waits, when it is empty, and when it fails. */
export function PagedTable<Row>(props: PagedTableProps<Row>) {
  const { label, pages, columns, keyOf, isSelected, empty } = props;
  const { rows, error, isFirst, refresh, more, isCut } = pages;
  if (isFirst) return <Waiting label={`Loading ${label.toLowerCase()}`} />;
  return (
    <>
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      {rows?.length === 0 && empty}
      {rows !== undefined && rows.length > 0 && (
        <Table label={label} columns={columns} rows={rows} keyOf={keyOf} isSelected={isSelected} />
      )}
      {isCut && <p class="row more quiet">Only the first {rows?.length} are shown here.</p>}
      {more && (
        <p class="row more">
          <Button onClick={more}>Load more</Button>
        </p>
      )}
    </>
  );
}
