import { shelf } from "./demo-product.ts";

export const homeOffice = shelf([
  {
    name: "Overture Standing Desk",
    brand: "Lindqvarn",
    category: "desks",
    about: `Two motors lift it from sitting to standing in eleven seconds and stop at once when they meet a chair arm.
      Four heights can be stored, one for each mood. The top has a bevelled front edge that does not cut into your
      forearms.`,
    sku: "DSK-OVERT",
    variants: [
      ["120-OAK", { size: "120 × 70 cm", finish: "oak" }, 579_00, 19],
      ["120-WHT", { size: "120 × 70 cm", finish: "white" }, 529_00, 26],
      ["160-OAK", { size: "160 × 80 cm", finish: "oak" }, 669_00, 14],
      ["160-WHT", { size: "160 × 80 cm", finish: "white" }, 609_00, 17],
    ],
  },
  {
    name: "Alcove Wall Desk",
    brand: "Lindqvarn",
    category: "desks",
    about: `Closed, it is a shallow cabinet with a shelf for the post; open, it is a proper place to work. The flap
      rests on a steel stay that takes forty kilos and a good deal of leaning.`,
    sku: "DSK-ALCOVE",
    variants: [
      ["OAK", { finish: "oak" }, 289_00, 12],
      ["SAG", { finish: "sage lacquer" }, 269_00, 8],
    ],
  },
  {
    name: "Trestle Writing Desk",
    brand: "Quietfold",
    category: "desks",
    about: `A solid ash top on two trestles, joined without a single screw you can see. The drawer is just deep enough
      for a laptop, a charger and the letter you are avoiding.`,
    sku: "DSK-TRESTLE",
    pictures: 1,
    variants: [["", {}, 449_00, 9]],
  },
  {
    name: "Perch Desk Riser",
    brand: "Plenum Works",
    category: "desks",
    about: `Turns the table you own into one you can stand at. A gas spring does the lifting, the keyboard tray follows,
      and the feet are felted so the dining room is a dining room again by seven.`,
    sku: "RSR-PERCH",
    variants: [
      ["BLK", { colour: "black" }, 189_00, 31],
      ["BCH", { colour: "birch" }, 209_00, 22],
    ],
  },
  {
    name: "Footnote Rocking Footrest",
    brand: "Plenum Works",
    category: "desks",
    about: `A curved piece of beech that keeps your ankles moving while the rest of you concentrates. Turn it over and
      it is a steady step. The ribbed top is pleasantly rough under socks.`,
    sku: "FTR-FOOTNOTE",
    variants: [["", {}, 49_00, 64]],
  },
  {
    name: "Lumbar One Task Chair",
    brand: "Plenum Works",
    category: "chairs",
    about: `The back is a single net with three tensions woven into it: firm at the waist, easy at the shoulders. Seat
      depth, arm height and tilt are set with three labelled levers, and then you can forget them.`,
    sku: "CHR-LUMBAR1",
    variants: [
      ["BLK", { colour: "black" }, 389_00, 24],
      ["LGR", { colour: "light grey" }, 389_00, 18],
      ["TEA", { colour: "teal" }, 399_00, 0],
    ],
  },
  {
    name: "Lumbar One Headrest",
    brand: "Plenum Works",
    category: "chairs",
    about: `Clips to the back of any Lumbar One without tools. It tilts, slides and holds its place, for those calls
      during which you mainly listen.`,
    sku: "CHR-LUMBHEAD",
    pictures: 1,
    variants: [["", {}, 69_00, 35]],
  },
  {
    name: "Marlow Upholstered Desk Chair",
    brand: "Quietfold",
    category: "chairs",
    about: `For home offices that are also living rooms. A sprung seat under wool felt, an oak swivel base, and arms low
      enough to vanish beneath the table.`,
    sku: "CHR-MARLOW",
    variants: [
      ["OAT", { colour: "oat" }, 329_00, 13],
      ["MOS", { colour: "moss" }, 329_00, 11],
      ["PLM", { colour: "plum" }, 329_00, 4],
    ],
  },
  {
    name: "Saddle Active Stool",
    brand: "Deskery North",
    category: "chairs",
    about: `It sways a few degrees in every direction, so you sit upright because it is easier than not to. The column
      raises it high enough for a standing desk.`,
    sku: "STL-SADDLE",
    variants: [
      ["BLK", { colour: "black" }, 159_00, 28],
      ["CLY", { colour: "clay" }, 159_00, 20],
    ],
  },
  {
    name: "Hardfloor Castors, Set of 5",
    brand: "Deskery North",
    category: "chairs",
    about: `Soft treads roll quietly over parquet and leave no marks. The stem fits nearly every office chair; a small
      ring for the exceptions is in the bag.`,
    sku: "CST-HARD",
    variants: [["", {}, 29_90, 108]],
  },
  {
    name: "Quiet Corner Chair Mat",
    brand: "Deskery North",
    category: "chairs",
    about: `Pressed wool felt that stops the wheels from wearing a path into the floor and the neighbours from hearing
      you think. Lies flat from the first day and can be vacuumed.`,
    sku: "MAT-QUIET",
    variants: [
      ["90", { size: "90 × 120 cm" }, 89_00, 23],
      ["120", { size: "120 × 150 cm" }, 129_00, 12],
    ],
  },
  {
    name: "Cantilever Monitor Arm",
    brand: "Plenum Works",
    category: "desk-accessories",
    about: `A gas spring carries screens from two to nine kilos and stays where you leave it. The clamp bites table tops
      up to six centimetres thick, and the cables disappear into the arm.`,
    sku: "ARM-CANTI",
    variants: [
      ["1", { screens: "one" }, 119_00, 45],
      ["2", { screens: "two" }, 189_00, 27],
    ],
  },
  {
    name: "Lectern Laptop Stand",
    brand: "Ordinal Studio",
    category: "desk-accessories",
    about: `Bent from one sheet of aluminium, it raises the camera to eye level and leaves room beneath for a keyboard.
      Cork strips keep the computer from sliding and from getting scratched.`,
    sku: "STD-LECTERN",
    variants: [
      ["SLV", { colour: "silver" }, 54_00, 78],
      ["BLK", { colour: "black" }, 54_00, 63],
    ],
  },
  {
    name: "Felt Desk Pad",
    brand: "Quietfold",
    category: "desk-accessories",
    about: `Three millimetres of wool felt on cork. It muffles the keyboard, warms the wrists and gives the mouse
      exactly the right amount of drag. Coffee beads on it for a minute, which is usually long enough.`,
    sku: "PAD-FELT",
    variants: [
      ["M-GRY", { size: "65 × 32 cm", colour: "grey" }, 34_00, 92],
      ["M-ANT", { size: "65 × 32 cm", colour: "anthracite" }, 34_00, 80],
      ["L-GRY", { size: "90 × 40 cm", colour: "grey" }, 46_00, 55],
      ["L-ANT", { size: "90 × 40 cm", colour: "anthracite" }, 46_00, 3],
    ],
  },
  {
    name: "Tidy Drawer Organiser",
    brand: "Ordinal Studio",
    category: "desk-accessories",
    about: `Seven loose trays in bamboo that can be arranged around whatever your drawer is actually for. The shallow
      one is cut at an angle, so coins and paper clips slide out.`,
    sku: "ORG-TIDY",
    variants: [["", {}, 32_00, 71]],
  },
  {
    name: "Switchboard Cable Tray",
    brand: "Deskery North",
    category: "desk-accessories",
    about: `Hangs under the table on two screws and swallows a power strip, its bricks and the loops of cable that
      collect dust. The side swings down, because one day you will need to unplug something.`,
    sku: "TRY-SWITCH",
    pictures: 1,
    variants: [["", {}, 36_50, 86]],
  },
  {
    name: "Paragraph Mechanical Keyboard",
    brand: "Ordinal Studio",
    category: "desk-accessories",
    about: `A compact board with dampened switches that feel like a good typewriter and sound like a distant one. Every
      key can be pulled and reassigned; the battery is rated for a month of prose.`,
    sku: "KBD-PARA",
    variants: [
      ["ISO-S", { layout: "ISO", switch: "silent" }, 139_00, 29],
      ["ISO-T", { layout: "ISO", switch: "tactile" }, 139_00, 25],
      ["ANSI-S", { layout: "ANSI", switch: "silent" }, 139_00, 16],
      ["ANSI-T", { layout: "ANSI", switch: "tactile" }, 139_00, 10],
    ],
  },
  {
    name: "Comma Vertical Mouse",
    brand: "Ordinal Studio",
    category: "desk-accessories",
    about: `Holds your hand the way you would offer it to someone. The thumb has a rest and two buttons, and it switches
      between two computers with one click.`,
    sku: "MOU-COMMA",
    variants: [
      ["R", { hand: "right" }, 64_00, 48],
      ["L", { hand: "left" }, 64_00, 12],
    ],
  },
  {
    name: "Doormat Webcam",
    brand: "Ordinal Studio",
    category: "desk-accessories",
    about: `A wide, flattering lens with a shutter you close by hand and can hear closing. It exposes for faces, not for
      the window behind them.`,
    sku: "CAM-DOORMAT",
    variants: [["", {}, 79_00, 57]],
  },
  {
    name: "Pinwall Cork Board",
    brand: "Quietfold",
    category: "desk-accessories",
    about: `Eleven millimetres of Portuguese cork in a slim ash frame. Pins go in without a thumb-ache and the holes
      close behind them. Hang it upright or lengthwise; the brackets work both ways.`,
    sku: "BRD-PINWALL",
    variants: [
      ["60", { size: "60 × 40 cm" }, 39_00, 53],
      ["90", { size: "90 × 60 cm" }, 62_00, 34],
    ],
  },
  {
    name: "Minutes Desk Clock",
    brand: "Ordinal Studio",
    category: "desk-accessories",
    about: `A clock with a second face: turn the outer ring and it counts the rest of the hour in a slowly shrinking
      wedge. It ends with one soft knock on wood rather than a beep.`,
    sku: "CLK-MINUTES",
    variants: [
      ["WHT", { colour: "white" }, 44_00, 47],
      ["CHR", { colour: "charcoal" }, 44_00, 39],
    ],
  },
  {
    name: "Understudy Filing Cabinet",
    brand: "Lindqvarn",
    category: "desk-accessories",
    about: `Three drawers on castors that roll beneath any desk in this shop. The lowest takes hanging files, the top
      one locks, and the cushion on the lid makes it a seat for short visits.`,
    sku: "CAB-UNDER",
    pictures: 1,
    variants: [["", {}, 219_00, 16]],
  },
]);
