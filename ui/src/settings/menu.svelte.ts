/** The one menu that can be open, at the pointer or below its button. */
export interface MenuItem {
  label: string;
  run: () => void;
}

interface OpenMenu {
  x: number;
  y: number;
  label: string;
  items: MenuItem[];
  /** Gets the focus back. */
  from: HTMLElement | null;
}

class Menu {
  open = $state.raw<OpenMenu | null>(null);

  below(button: HTMLElement, label: string, items: MenuItem[]): void {
    const box = button.getBoundingClientRect();
    this.open = { x: box.right, y: box.bottom + 4, label, items, from: button };
  }

  at(event: MouseEvent, label: string, items: MenuItem[]): void {
    event.preventDefault();
    const from = event.currentTarget instanceof HTMLElement ? event.currentTarget : null;
    this.open = { x: event.clientX, y: event.clientY, label, items, from };
  }

  close(): void {
    const from = this.open?.from ?? null;
    this.open = null;
    if (from?.isConnected === true) from.focus();
  }
}

export const menu = new Menu();
