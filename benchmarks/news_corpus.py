"""News written for the benchmark: events told by several papers, and articles that only look alike.

Rules were chosen on what is here and on `news_lookalikes.json`; `news_held_out.json` was written when they stood, to
judge them by. Tune nothing on it: write another one for that.

EVENTS: (headline, text) as the agency sent it, another headline over the same text, and a report in other words.
SERIES: articles that are parts of a series or about like things, each a story of its own.
"""

import json
from collections.abc import Sequence
from pathlib import Path

Text = tuple[str, str]
Event = tuple[Text, str, Text]


EVENTS: tuple[tuple[tuple[str, str], str, tuple[str, str]], ...] = (
    (
        (
            "Arizona declares drought emergency in four counties",
            "Arizona's governor on Wednesday declared a drought emergency in four counties after the driest winter in "
            "forty years. Nurseries in Maricopa County may water only at night from April 1, the water department "
            "said.",
        ),
        "Governor acts on dry winter: night watering only",
        (
            "Drought emergency declared by Arizona governor",
            "Four Arizona counties are under a drought emergency, Governor Hobbs announced, as reservoirs shrink. "
            "Commercial growers face limits on daytime irrigation beginning next month.",
        ),
    ),
    (
        (
            "GreenEarth recalls potting soil over herbicide contamination",
            "GreenEarth is recalling 40,000 bags of its cactus potting soil sold since January because of herbicide "
            "contamination. Shops are asked to take lot 22-B off their shelves.",
        ),
        "Poisoned soil: maker calls back 40,000 bags",
        (
            "Potting soil recall: GreenEarth finds herbicide in cactus mix",
            "Gardeners should return GreenEarth cactus mix bought this year, the company said on Tuesday. Traces of a "
            "herbicide were found in lot 22-B during a routine check.",
        ),
    ),
    (
        (
            "Demand for succulents grows for the third year",
            "Demand for succulents rose 18 percent in February, the growers' association reports. Small pots sell "
            "best, and most buyers are under thirty.",
        ),
        "Young buyers keep the succulent boom alive",
        (
            "Succulent demand grows for third straight year, growers say",
            "Sales of succulents were up 18 percent last month, according to the growers' association, which credits "
            "customers in their twenties and tiny pots.",
        ),
    ),
    (
        (
            "Port of Los Angeles workers begin two-day strike",
            "Dock workers at the Port of Los Angeles walked out on Monday for two days over pay. Importers of "
            "ceramics and garden furniture expect delays of up to three weeks.",
        ),
        "Walkout at America's busiest harbor",
        (
            "Los Angeles port strike begins as dock workers walk out",
            "A two-day strike has stopped cranes at the Port of Los Angeles. The union wants higher wages; importers "
            "warn of late containers.",
        ),
    ),
    (
        (
            "Central bank raises key rate by a quarter point",
            "The central bank raised its key interest rate by a quarter point to 4.75 percent on Thursday and "
            "signalled that it may be the last increase this year.",
        ),
        "Borrowing gets dearer once more, perhaps for the last time",
        (
            "Key interest rate raised a quarter point by central bank",
            "Loans will cost more after the central bank lifted its key rate to 4.75 percent. Policymakers hinted at "
            "a pause in the coming months.",
        ),
    ),
    (
        (
            "City council approves downtown market hall",
            "The city council voted nine to two on Tuesday to turn the old tram depot into a market hall with sixty "
            "stalls. Building begins in May and will cost 12 million dollars.",
        ),
        "Old tram depot to become home of sixty stalls",
        (
            "Downtown market hall approved by city council",
            "Sixty vendors will find room in the former tram depot. Councillors approved the market hall plan by nine "
            "votes to two, with works starting in May.",
        ),
    ),
    (
        (
            "Mealybug outbreak hits greenhouses in San Diego County",
            "Growers in San Diego County report the worst mealybug outbreak in a decade. The agricultural office has "
            "put eleven greenhouses under quarantine and asks to report white, cottony spots on stems.",
        ),
        "White spots that growers fear",
        (
            "San Diego greenhouses quarantined in mealybug outbreak",
            "Eleven greenhouses around San Diego have been closed to trade after mealybugs spread, the county's "
            "agricultural office said, calling the outbreak the worst in ten years.",
        ),
    ),
    (
        (
            "Desert Bloom Nursery opens online shop",
            "Desert Bloom Nursery of Tempe will deliver succulents to the whole valley from Friday, its owner said. "
            "Orders before noon arrive on the same day.",
        ),
        "Tempe's plants now come to the door",
        (
            "Online shop launched by Desert Bloom Nursery",
            "From Friday customers across the valley can order from Desert Bloom Nursery by internet, with same-day "
            "delivery for those who order in the morning.",
        ),
    ),
    (
        (
            "Parcel carriers add fuel surcharge from December",
            "The two largest parcel carriers will add a fuel surcharge of 3.5 percent from December 1. Small shops "
            "that ship heavy pots will feel it most, the retail federation warned.",
        ),
        "Shipping heavy goods becomes dearer",
        (
            "Fuel surcharge: parcel carriers raise prices in December",
            "Sending parcels will cost 3.5 percent more from the first of December, two big carriers have announced. "
            "The retail federation fears for small sellers.",
        ),
    ),
    (
        (
            "University develops cactus that blooms twice a year",
            "Botanists at the state university have bred a hedgehog cactus that blooms in spring and in autumn. The "
            "first seedlings will be auctioned for a scholarship fund.",
        ),
        "A second spring, thanks to patient botanists",
        (
            "Cactus that blooms twice bred at state university",
            "It took botanists eleven years: a hedgehog cactus that flowers in two seasons. Seedlings go to auction, "
            "and the money to students.",
        ),
    ),
    (
        (
            "State offers grants for water-saving irrigation",
            "Small farms and nurseries can apply for grants of up to 20,000 dollars for drip irrigation from January "
            "15, the agriculture department announced.",
        ),
        "Money for drips: who may apply, and when",
        (
            "Water-saving irrigation: grants offered by the state",
            "Up to 20,000 dollars per nursery is available for drip systems. Applications to the agriculture "
            "department open in the middle of January.",
        ),
    ),
    (
        (
            "Wildfire near Prescott forces evacuation of 300 homes",
            "A wildfire that started on Saturday north of Prescott has burned 4,000 acres and forced the evacuation "
            "of 300 homes. Two highways are closed.",
        ),
        "Families flee as flames near the town",
        (
            "300 homes evacuated as wildfire burns near Prescott",
            "Residents of some 300 houses have left as a fire grew to 4,000 acres outside Prescott. Officials closed "
            "two highways on Saturday night.",
        ),
    ),
)

SERIES: tuple[tuple[str, str], ...] = (
    ("Cactus price report for Monday", "Golden barrel traded at 14 dollars in thin business."),
    ("Cactus price report for Tuesday", "Saguaro seedlings were sought, buyers came from Nevada."),
    ("Cactus price report for Wednesday", "Prickly pear fell after a large delivery from Sonora."),
    ("Weather for Phoenix on March 18", "Sunny with a light wind from the west, highs near 81."),
    ("Weather for Phoenix on March 19", "Clouds in the morning, later sun, highs near 77."),
    ("Weather for Tucson on March 19", "Sunny all day, highs near 80, a cool night ahead."),
    ("City council approves budget for 2026", "The council passed a budget of 1.9 billion dollars after a long night."),
    ("City council rejects parking fee", "A plan to charge for parking downtown failed by one vote."),
    ("Wildfire near Flagstaff contained", "Crews have contained a fire of 200 acres, and nobody was hurt."),
    ("Wildfire near Payson under investigation", "Police look into how the fire of last summer began."),
    ("Suns beat Lakers after a late turn", "A three-pointer in the last second decided the game."),
    ("Lakers beat Suns in overtime", "The guest won the return match after two extra periods."),
    ("Recall of garden hoses for lead", "A maker of garden hoses calls back 9,000 of them for lead in the fittings."),
    ("Recall of garden chairs that collapse", "Folding chairs sold at three chains may give way, a retailer warns."),
    ("Central bank leaves rate as it is", "The board kept the rate at its December meeting, as expected."),
    ("Port of Oakland to deepen its channel", "Larger ships can call at Oakland once a two-year dredging job is done."),
    ("State offers loans for solar roofs", "Home owners can borrow at two percent for panels, the energy office said."),
    ("State offers classes for new beekeepers", "Three weekends of lessons are free for those who register by Friday."),
    ("How to repot a barrel cactus", "Three folded newspapers and patience are all it takes."),
    ("How to water a barrel cactus", "Rarely, and never in the evening: a grower explains."),
)


def news_of(corpus: str) -> tuple[Sequence[Event], Sequence[Text]]:
    """Return events and series of `corpus`, `lookalikes`, `held_out` or `copies`."""
    if corpus == "corpus":
        return EVENTS, SERIES
    told = json.loads(Path(__file__).with_name(f"news_{corpus}.json").read_text(encoding="utf-8"))
    events = [(tuple(each["sent"]), each["headline"], tuple(each["retold"])) for each in told["events"]]
    return events, [tuple(each) for each in told["series"]]
