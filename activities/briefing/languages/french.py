"""French."""

from activities.briefing.languages.rules import Rules

_PRICES = r"(?:prix|coûts?|loyers?|tarifs?)"
_UP = r"(?:augmente(?:nt)?|augmenté|grimpe(?:nt)?|grimpé|flambe(?:nt)?|flambé|bondissent|bondit|bondi)"
_MUCH = r"(?:la demande|les ventes|la fréquentation|les commandes|le tourisme)"

FRENCH = Rules(
    code="fr",
    name="French",
    urgent=r"""
        rappels? d(?:e|u|es) (?:\w+ )?(?:produits?|lots?)|(?:produits?|lots?) rappelée?s?
        rappelle(?:nt)? (?:\S+ ){0,5}(?:lots?|produits?|sacs?|bouteilles?|boîtes?)
        évacu\w+|épidémies?|contaminée?s?|contaminations?|vigilance (?:rouge|orange)|état d'urgence
        alertes? (?:rouge|sanitaire|météo|canicule|incendie|inondation|tempête)s?
        retirée?s? de la vente|listeria|salmonelles?
        ransomware|rançongiciels?|(?:fuites?|vols?) de données|arnaques?|fraudes?|escroqueries?
    """,
    warning=rf"""
        pénuries?|grèves?|plus ch(?:er|ère)s?|droits? de douane|sécheresses?|inondations?|crues?
        (?:feux|incendies?) de forêt|gelées?
        quarantaine|infestations?|ruptures? (?:de stocks?|d'approvisionnement)
        (?:routes?|rues?)(?: \w+){{0,3}} (?:barrées?|fermées?|coupées?)
        (?:pannes?|coupures?) (?:de courant|d'électricité|d'eau|de gaz)
        (?:hausses?|augmentations?|flambée) d(?:es|u|e la) {_PRICES}|{_PRICES}(?: \w+){{0,3}} {_UP}
        nouvelles? (?:règles?|réglementations?|taxes?|normes?|obligations?)|date limite|échéances?
        interdictions?|interdit(?:e|s|es)?|interdiront|avertit|avertissent|avertissements?|(?:met|mettent|mise) en garde
    """,
    chance=rf"""
        subventions?|aides? (?:financières?|publiques?|aux|à l')|crédits? d'impôts?
        prêts? (?:bonifiés?|à taux (?:zéro|réduit))
        appels? (?:à projets|d'offres|à candidatures|aux exposants)|exposants recherchés
        {_MUCH}(?: \S+){{0,4}} (?:augmente(?:nt)?|progresse(?:nt)?|progressé|bondit|explose(?:nt)?|double(?:nt)?)
        (?:forte|vive) demande|demande (?:croissante|record|forte)
    """,
    event=r"""
        festivals?|foires?|salons?|expositions?|congrès|concerts?|défilés?|brocantes?|vide-greniers?|braderies?
        marchés? (?:de noël|nocturnes?|aux puces|fermiers?|artisan(?:al|aux)|de producteurs|aux plantes)
        marathons?|ateliers?|portes ouvertes|inaugurations?|tournois?|carnavals?|kermesses?|ventes? aux enchères
        fêtes? (?:foraines?|d(?:e|u|es) \w+|de la \w+)
    """,
    due=r"avant le|jusqu'au|au plus tard|date limite|échéance|expire(?:nt)?|se termine(?:nt)?|prend fin|clôture",
    months=(
        *("janvier janv", "février févr", "mars", "avril avr", "mai", "juin", "juillet juil", "août"),
        *("septembre sept", "octobre oct", "novembre nov", "décembre déc"),
    ),
    days=(
        r"(?P<d>\d{{1,2}})(?:er)?\s+(?P<m>{month})\b\.?(?:\s+(?P<y>\d{{4}}))?",
        r"(?P<d>\d{{1,2}})/(?P<m>\d{{1,2}})/(?P<y>\d{{4}})\b",
    ),
)
