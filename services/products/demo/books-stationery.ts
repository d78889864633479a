import { shelf } from "./demo-product.ts";

export const booksStationery = shelf([
  {
    name: "Fieldwork Notebook A5",
    brand: "Papierhain",
    category: "notebooks",
    about: `Opens flat on the first page and on the last, thanks to thread sewn in small signatures. The paper is 100 g
      and slightly off-white: fountain pens dry on it, and almost nothing shows through.`,
    sku: "NTB-FIELD-A5",
    variants: [
      ["LIN-GRY", { ruling: "lined", colour: "grey" }, 18_90, 140],
      ["DOT-GRY", { ruling: "dotted", colour: "grey" }, 18_90, 162],
      ["PLN-GRY", { ruling: "plain", colour: "grey" }, 18_90, 75],
      ["LIN-BRK", { ruling: "lined", colour: "brick" }, 18_90, 66],
      ["DOT-BRK", { ruling: "dotted", colour: "brick" }, 18_90, 81],
    ],
  },
  {
    name: "Fieldwork Pocket Books, Set of 3",
    brand: "Papierhain",
    category: "notebooks",
    about: `Forty-eight pages each, stapled, with rounded corners that survive back pockets. Printed on the last page: a
      ruler, a table of knots, and space for what you lent to whom.`,
    sku: "NTB-FIELD-3",
    variants: [
      ["LIN", { ruling: "lined" }, 11_90, 173],
      ["DOT", { ruling: "dotted" }, 11_90, 158],
    ],
  },
  {
    name: "Undated Year Planner",
    brand: "Ledgerwick",
    category: "notebooks",
    about: `Begin in March if March is when you begin. A week on the left, a blank page on the right, and twelve
      fold-out months at the back for birthdays and looming things.`,
    sku: "PLN-YEAR",
    variants: [
      ["BLU", { colour: "harbour blue" }, 27_90, 69],
      ["GRN", { colour: "bottle green" }, 27_90, 54],
    ],
  },
  {
    name: "Linen Guest Book",
    brand: "Ledgerwick",
    category: "notebooks",
    about: `One hundred and sixty creamy pages between linen boards, for weddings, cottages and kitchens with many
      visitors. Stiff enough to be written on in someone's lap.`,
    sku: "NTB-GUEST",
    pictures: 1,
    variants: [["", {}, 42_00, 25]],
  },
  {
    name: "Sketchbook Watercolour 300 g",
    brand: "Papierhain",
    category: "notebooks",
    about: `Cotton-rich paper that takes a wet wash without buckling, bound on the short side for horizons. The edge is
      perforated so faintly that you only notice once you need it.`,
    sku: "SKB-WATER",
    variants: [
      ["A6", { size: "A6" }, 19_90, 48],
      ["A5", { size: "A5" }, 28_90, 43],
      ["A4", { size: "A4" }, 44_90, 5],
    ],
  },
  {
    name: "Laboratory Notebook",
    brand: "Ledgerwick",
    category: "notebooks",
    about: `Numbered pages, a table of contents, a margin for second thoughts and a line for a witness's signature. Made
      for chemists, adopted by bakers.`,
    sku: "NTB-LAB",
    variants: [["", {}, 24_50, 60]],
  },
  {
    name: "Curlew Fountain Pen",
    brand: "Quillmere",
    category: "pens",
    about: `A slender steel-nibbed pen in turned resin, balanced to be written with uncapped. It takes cartridges or the
      converter in the box, and every nib is smoothed by hand on the same worn slip of glass.`,
    sku: "PEN-CURLEW",
    variants: [
      ["F-INK", { nib: "fine", colour: "ink blue" }, 58_00, 39],
      ["M-INK", { nib: "medium", colour: "ink blue" }, 58_00, 52],
      ["F-AMB", { nib: "fine", colour: "amber" }, 58_00, 27],
      ["M-AMB", { nib: "medium", colour: "amber" }, 58_00, 0],
    ],
  },
  {
    name: "Curlew Rollerball",
    brand: "Quillmere",
    category: "pens",
    about: `The same body for those who press hard or write on the move. It accepts any standard refill, and a dark blue
      one is already inside.`,
    sku: "PEN-CURLROL",
    variants: [
      ["INK", { colour: "ink blue" }, 49_00, 44],
      ["AMB", { colour: "amber" }, 49_00, 31],
    ],
  },
  {
    name: "Bottled Ink 50 ml",
    brand: "Quillmere",
    category: "pens",
    about: `Slow-made dye inks that shade from pale to deep within a single stroke. The bottle has a shoulder that
      gathers the last millilitres for the nib. Washes out of most things except memory.`,
    sku: "INK-50",
    variants: [
      ["PET", { colour: "petrol" }, 16_90, 95],
      ["OXB", { colour: "oxblood" }, 16_90, 72],
      ["LIC", { colour: "lichen" }, 16_90, 63],
      ["SOO", { colour: "soot" }, 16_90, 108],
      ["PLM", { colour: "plum" }, 16_90, 4],
    ],
  },
  {
    name: "Joiner's Pencils, Box of 12",
    brand: "Quillmere",
    category: "pens",
    about: `Cedar, hexagonal, and left unpainted so that they smell of the workshop. The graphite is bound hard enough
      to keep a point through a crossword.`,
    sku: "PCL-JOINER",
    variants: [
      ["HB", { grade: "HB" }, 14_90, 134],
      ["2B", { grade: "2B" }, 14_90, 117],
      ["4B", { grade: "4B" }, 14_90, 78],
    ],
  },
  {
    name: "Brass Pencil Sharpener",
    brand: "Quillmere",
    category: "pens",
    about: `A wedge of solid brass with a blade that can be replaced by undoing one screw. Pleasantly heavy, pleasantly
      simple, and it cuts a long cone.`,
    sku: "SHP-BRASS",
    pictures: 1,
    variants: [["", {}, 9_90, 145]],
  },
  {
    name: "Archivist Fineliners, Set of 5",
    brand: "Papierhain",
    category: "pens",
    about: `Pigment ink in five widths from a hair to a confident line. Waterproof when dry, so a wash may follow. The
      caps click in a way that says closed.`,
    sku: "PEN-ARCHIV",
    variants: [["", {}, 17_50, 99]],
  },
  {
    name: "The Patient Loaf",
    brand: "Harbourleaf Books",
    category: "books",
    about: `A year of bread in fifty-two bakes, from a soda loaf that forgives everything to a rye that forgives
      nothing. Each recipe starts the evening before and tells you what to do while you wait. With photographs of
      the failures, too.`,
    sku: "BOK-LOAF",
    variants: [
      ["HC", { format: "hardcover" }, 34_00, 57],
      ["PB", { format: "paperback" }, 22_00, 84],
    ],
  },
  {
    name: "Maps of Small Places",
    brand: "Foxglass Press",
    category: "books",
    about: `Forty hand-drawn maps of allotments, station kiosks, a single pond and one very long staircase, each with
      the story of whoever walked it. A book about attention, disguised as an atlas.`,
    sku: "BOK-MAPS",
    variants: [["", {}, 29_90, 36]],
  },
  {
    name: "A Short History of the Umbrella",
    brand: "Foxglass Press",
    category: "books",
    about: `From parasols of state to the forgotten thing under the seat. Witty, well footnoted and just long enough for
      a wet weekend, it makes a surprisingly strong case for the umbrella as the first wearable machine.`,
    sku: "BOK-UMBR",
    variants: [
      ["HC", { format: "hardcover" }, 24_00, 41],
      ["PB", { format: "paperback" }, 14_90, 92],
    ],
  },
  {
    name: "The Night Ferry to Orsund",
    brand: "Foxglass Press",
    category: "books",
    about: `A cook, a retired surveyor and a girl with a cello share a crossing that takes longer than the timetable
      promised. A novel of fog and good manners, with an ending readers write to us about.`,
    sku: "BOK-FERRY",
    variants: [
      ["HC", { format: "hardcover" }, 23_00, 48],
      ["PB", { format: "paperback" }, 13_90, 126],
    ],
  },
  {
    name: "Mend: A Household Repair Book",
    brand: "Harbourleaf Books",
    category: "books",
    about: `Zips, drawers, kettles, knees of trousers: one hundred and ten repairs with drawings that show where the
      hands go. Every chapter opens with the question whether it is worth it, and answers honestly.`,
    sku: "BOK-MEND",
    variants: [["", {}, 26_50, 65]],
  },
  {
    name: "Owls Do Not Queue",
    brand: "Harbourleaf Books",
    category: "books",
    about: `A picture book for anyone between three and seven who finds waiting difficult. The owls break every rule on
      every page until a hedgehog, who is very slow and very right, arrives at the front.`,
    sku: "BOK-OWLS",
    variants: [["", {}, 15_90, 113]],
  },
  {
    name: "Field Guide to Clouds and Weather Lore",
    brand: "Harbourleaf Books",
    category: "books",
    about: `Pocket-sized, with a water-resistant cover and eighty photographs sorted by what you see rather than by
      Latin name. Old sayings are rated for accuracy; red skies do better than cows.`,
    sku: "BOK-CLOUDS",
    variants: [["", {}, 18_90, 79]],
  },
  {
    name: "The Orchard Ledger",
    brand: "Foxglass Press",
    category: "books",
    about: `Three generations keep accounts of the same forty trees, and what they leave out fills the gaps. Sparse,
      funny and set almost entirely between blossom and frost.`,
    sku: "BOK-ORCHARD",
    pictures: 1,
    variants: [["", {}, 21_00, 2]],
  },
  {
    name: "Deckle Letter Set",
    brand: "Papierhain",
    category: "letters-cards",
    about: `Twenty sheets with a feathered edge and twelve lined envelopes, because nobody writes a page without a
      second one. The box becomes the place where replies are kept.`,
    sku: "LTR-DECKLE",
    pictures: 1,
    variants: [["", {}, 19_50, 58]],
  },
  {
    name: "Letterpress Birthday Cards, Set of 6",
    brand: "Ledgerwick",
    category: "letters-cards",
    about: `Printed two colours deep on cotton board: a kite, a kettle, a walrus, a brass band, a very tall cake and one
      with nothing but the word Well. Blank inside.`,
    sku: "CRD-BIRTH",
    variants: [["", {}, 16_90, 87]],
  },
  {
    name: "Sealing Wax Kit",
    brand: "Quillmere",
    category: "letters-cards",
    about: `A brass seal with a wooden handle, two sticks of supple wax that survive the post, and a spoon for melting.
      Choose a motif you can live with.`,
    sku: "WAX-KIT",
    variants: [
      ["FRN", { motif: "fern" }, 24_90, 34],
      ["HAR", { motif: "hare" }, 24_90, 28],
      ["STR", { motif: "star" }, 24_90, 19],
    ],
  },
]);
