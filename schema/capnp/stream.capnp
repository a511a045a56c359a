@0x86c366a91393f3f8;
# What the schema compiler looks for where a method is declared `-> stream`; Debian's package of it comes without.

struct StreamResult @0x995f9a3377c0b16e {}
