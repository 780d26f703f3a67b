"""German."""

from activities.briefing.languages.rules import Rules

_PRICES = r"(?:\w*preise?n?|\w*kosten|\w*mieten?|\w*gebühren)"
_UP = r"(?:steig(?:t|en)|stieg(?:en)?|gestiegen|kletter(?:t|n)|(?:er|ge)höht|klettern)"
_MUCH = r"(?:nachfrage|umsatz|umsätze|absatz|interesse|bestellungen|tourismus)"

GERMAN = Rules(
    code="de",
    name="German",
    urgent=r"""
        \w*rückruf(?:e|en|aktion|aktionen)?|(?:ruft|rufen) (?:\S+ ){0,8}zurück|zurückgerufen
        aus dem verkauf|listerien|salmonellen
        evakuier\w+|ausbruchs?|ausbrüche|verunreinig\w+|kontaminier\w+|katastrophenfall|ausnahmezustand
        (?:un|hoch|sturm|frost|hitze|unwetter|hochwasser|waldbrand)\w*warnung(?:en)?|ransomware
        daten(?:leck|lecks|panne|pannen|diebstahl)|betrug|betrüger\w*|betrugs\w+
    """,
    warning=rf"""
        \w*engpass|\w*engpässe\w*|lieferausf[aä]ll\w*|lieferschwierigkeiten|knappheit|\w*mangel|\w*streiks?
        \w*zölle\w*|dürre|trockenheit|überschwemmung(?:en)?|hochwasser|waldbr[aä]nde?|frost|quarantäne|schädlinge?n?
        \w*sperrung(?:en)?|gesperrt|stromausf[aä]lle?|preis(?:erhöhung|steigerung|anstieg)(?:en|e)?
        {_PRICES}(?: \w+){{0,4}} {_UP}|{_UP} (?:die |der )?{_PRICES}|(?:wird|werden)(?: \S+){{0,3}} teurer
        neue[rn]? (?:regeln?|vorschrift(?:en)?|verordnung(?:en)?|gebühr(?:en)?|steuern?|pflicht(?:en)?)
        (?:pfand|kennzeichnungs|melde)pflicht
        \w*frist(?:en)?|\w*verbot(?:e|s)?|verboten|verbietet|klagt|klagen gegen|warnt|warnen|warnten?|\w*warnung(?:en)?
    """,
    chance=rf"""
        zuschuss|zuschüsse\w*|förder(?:ung|ungen|programme?|mittel|geld|gelder)|subvention(?:en)?|ausschreibung(?:en)?
        steuer(?:vorteil|erleichterung|gutschrift|bonus)(?:e|en)?|günstige kredite|zinsgünstige \w+
        (?:händler|aussteller|marktbeschicker)(?:innen)? gesucht
        {_MUCH}(?: \w+){{0,5}} (?:steig(?:t|en)|stieg(?:en)?|wächst|wachsen|wuchs(?:en)?|boomt|verdoppelt\w*)
        (?:steigende|wachsende|große|hohe|starke)[rsnm]? (?:nachfrage|interesse)
    """,
    event=r"""
        \w*festivals?|(?:fach|buch|garten|spiele|handels)?messen?|\w*ausstellung(?:en)?|\w*konzerte?s?|umzug|umzüge
        (?:wochen|weihnachts|advents|floh|jahr|bauern|pflanzen|handwerker|kunsthandwerker|nacht|trödel)m[aä]rkte?s?
        \w*marathons?|workshops?|tag der offenen tür|\w*eröffnung|\w*turniere?|kirmes|karneval|\w*auktion(?:en)?
        (?:volks|stadt|straßen|sommer|herbst|frühlings|wein|hof)feste?s?|\w*kongresse?s?|\w*konferenz(?:en)?
    """,
    due=r"bis|\w*frist|spätestens|vor dem|endet|enden|läuft ab|\w+schluss|stichtag",
    months=(
        *("Januar Jänner Jan", "Februar Feber Feb", "März", "April Apr", "Mai", "Juni", "Juli", "August Aug"),
        *("September Sept", "Oktober Okt", "November Nov", "Dezember Dez"),
    ),
    days=(
        r"(?P<d>\d{{1,2}})\.\s*(?P<m>{month})\b\.?(?:\s+(?P<y>\d{{4}}))?",
        r"(?P<d>\d{{1,2}})\.(?P<m>\d{{1,2}})\.(?P<y>\d{{4}})\b",
    ),
)
