"""English."""

from activities.briefing.languages.rules import Rules

_MUCH = r"(?:demand|sales|interest|popularity|orders|tourism)"

ENGLISH = Rules(
    code="en",
    name="English",
    urgent=r"""
        recall(?:s|ed|ing)?|evacuat\w+|outbreaks?|contaminat\w+|state of emergency
        (?:severe|flood|storm|frost|freeze|heat|fire|health|tornado|hurricane) (?:warnings?|alerts?)
        ransomware|data breach(?:es)?|scams?|fraud
    """,
    warning=r"""
        shortages?|strikes?|tariffs?|drought|floods?|flooding|wildfires?|frost|quarantine|infestations?
        road closures?|outages?|supply disruptions?|price (?:increases?|rises?|hikes?)
        (?:prices?|costs?|rents?) (?:rises?|rose|surges?|surged|jumps?|jumped|climbs?|climbed)
        new (?:rules?|regulations?|fees?)|deadlines?|bans?|banned|lawsuits?|warns?|warned|warning
    """,
    chance=rf"""
        grants?|subsid(?:y|ies)|rebates?|tax (?:credits?|breaks?|relief)|low-interest loans?
        (?:calls?|request) for (?:proposals|tenders|bids|vendors|exhibitors)|vendors? wanted|tenders?
        {_MUCH}(?: \w+){{0,4}} (?:rises?|rose|rising|grows?|grew|growing|surges?|surged|soars?|soared)
        {_MUCH}(?: \w+){{0,4}} (?:jumps?|jumped|climbs?|climbed|booms?|booming|doubles?|doubled)
        (?:growing|rising|record|strong|surging) (?:demand|sales|interest|popularity)
        funding (?:available|round|program)
    """,
    event=r"""
        festivals?|fairs?|expos?|exhibitions?|trade shows?|shows?|conferences?|concerts?|parades?
        (?:farmers|street|holiday|christmas|flea|night) markets?|markets? opens?|marathons?|workshops?
        open (?:day|house)|grand opening|tournaments?|celebrations?|carnivals?|summits?|auctions?
    """,
    due=r"deadline|until|by|before|no later than|expires?|ends?",
    months=(
        *("January Jan", "February Feb", "March Mar", "April Apr", "May", "June Jun", "July Jul", "August Aug"),
        *("September Sept Sep", "October Oct", "November Nov", "December Dec"),
    ),  # in capitals alone: "may" is another word
    days=(
        r"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?(?P<m>{month})\b\.?(?:,?\s+(?P<y>\d{{4}}))?",
        r"(?P<m>{month})\b\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y>\d{{4}}))?",
    ),
)
