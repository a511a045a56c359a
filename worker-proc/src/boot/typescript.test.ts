import { match, strictEqual } from "node:assert";
import { sides, type Shape } from "shapes.ts";
import note from "note.txt";

type Pair<T> = readonly [T, T];

class Counter<T extends object> {
  private count: number = 0;
  declare readonly label: string;
  add(this: Counter<T>, _item?: T): this {
    this.count += 1;
    return this;
  }
  get value(): number {
    return this.count!;
  }
}

export const types = {
  async test(_controller: unknown, _env: Record<string, never>): Promise<void> {
    const square = { sides: 4 } satisfies Shape;
    strictEqual(sides(square as Shape), 4);
    const pair: Pair<string> = ["é", "b"];
    strictEqual(pair.join(""), "éb");
    strictEqual(new Counter<Shape>().add(square).add().value, 2);
  },
};

export const otherModulesStay = {
  test(): void {
    strictEqual(note, "const x: string = 1;");
  },
};

export const placesStay = {
  test(): void {
    const error: Error = new Error("here");
    match(error.stack as string, /main:37:26/);
  },
};
