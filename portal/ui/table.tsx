import type { ComponentChildren } from "preact";

export interface Column<Row> {
  /** The head of the column, and its name before the value on a phone. */
  name: string;
  /** Its head is read aloud but not shown. */
  isUnnamed?: boolean;
  /** Numbers stand at the right. */
  atEnd?: boolean;
  cell(row: Row): ComponentChildren;
}

interface TableProps<Row> {
  /** What the table lists, for people who cannot see it. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf(row: Row): string;
  isSelected?(row: Row): boolean;
}

/** A table on a desk, a list of cards on a phone. The first column is the title of the card. */
export function Table<Row>({ label, columns, rows, keyOf, isSelected }: TableProps<Row>) {
  return (
    <div class="table-frame">
      <table class="folds" aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ name, atEnd, isUnnamed }) => (
              <th key={name} scope="col" class={atEnd ? "end" : ""}>
                {isUnnamed ? <span class="spoken">{name}</span> : name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} aria-selected={isSelected?.(row)}>
              {columns.map(({ name, atEnd, cell, isUnnamed }, i) => (
                <td key={name} class={atEnd ? "end" : ""} {...(i > 0 && !isUnnamed && { "data-name": name })}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
