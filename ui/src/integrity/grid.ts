/** Moving over the matrix with keys: rows from 0 (the ledger), columns from 0, −1 is the head of a row. */

export interface Place {
  row: number;
  column: number;
}

export const HEAD = -1;

/** Where a key leads from a place, `null` where the key is not for the matrix. Nothing lies beyond its edges. */
export function moved(
  { key, ctrlKey }: { key: string; ctrlKey: boolean },
  { row, column }: Place,
  rows: number,
  columns: number
): Place | null {
  const at = (toRow: number, toColumn: number): Place => ({
    row: Math.max(0, Math.min(rows - 1, toRow)),
    column: Math.max(HEAD, Math.min(columns - 1, toColumn))
  });
  switch (key) {
    case 'ArrowUp':
      return at(row - 1, column);
    case 'ArrowDown':
      return at(row + 1, column);
    case 'ArrowLeft':
      return at(row, column - 1);
    case 'ArrowRight':
      return at(row, column + 1);
    case 'Home':
      return at(ctrlKey ? 0 : row, HEAD);
    case 'End':
      return at(ctrlKey ? rows - 1 : row, columns - 1);
    default:
      return null;
  }
}

/** The room that stands beside the cells in a wide matrix, and in a narrow one, where the states stand below. */
const BESIDE_WIDE_PX = 478;
const BESIDE_NARROW_PX = 216;
export const NARROW_PX = 640;
/** A cell has a shape and up to two digits. */
const CELL_PX = 19;
const COLUMNS_AT_MOST = 96;

/** The room for the cells of a matrix so wide. */
export function cellsWidth(widthPx: number): number {
  return Math.max(0, widthPx - (widthPx < NARROW_PX ? BESIDE_NARROW_PX : BESIDE_WIDE_PX));
}

/** How many columns fit. */
export function columnsFor(widthPx: number): number {
  return Math.max(6, Math.min(COLUMNS_AT_MOST, Math.floor(cellsWidth(widthPx) / CELL_PX)));
}

const LABEL_PX = 52;

/** Which columns have their time written above them: at even distances, and the same ones when time moves on. */
export function labelled(fromMs: number, stepMs: number, columns: number, widthPx: number): boolean[] {
  const each = cellsWidth(widthPx) / Math.max(1, columns);
  const every = Math.max(1, Math.ceil(LABEL_PX / Math.max(1, each)));
  const offsetMs = new Date(fromMs).getTimezoneOffset() * 60_000;
  const first = Math.round((fromMs - offsetMs) / stepMs);
  return Array.from(
    { length: columns },
    (_, i) => (first + i) % every === 0 && (columns - i) * each >= LABEL_PX * 0.7
  );
}
