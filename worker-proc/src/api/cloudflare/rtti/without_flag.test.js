import { rejects } from "node:assert";

export const needsItsFlag = {
  async test() {
    const specifier = "workerd:rtti";
    await rejects(() => import(specifier), /No such module "workerd:rtti"/);
  },
};
