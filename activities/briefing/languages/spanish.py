"""Spanish."""

from activities.briefing.languages.rules import Rules

_PRICES = r"(?:precios?|cost[eo]s?|alquiler(?:es)?|rentas?|tarifas?)"
_MUCH = r"(?:la demanda|las ventas|el interés|el turismo|los pedidos)"

SPANISH = Rules(
    code="es",
    name="Spanish",
    urgent=r"""
        retirad[ao]s? del mercado|retiran? (?:\S+ ){0,6}del mercado|evacua\w+|evacúan?|brotes?
        retir(?:an?|ar|ó|aron) (?:un|el|los|varios) lotes?|listeria|salmonel(?:a|osis)
        contaminad[ao]s?|contaminación|estado de emergencia|emergencia sanitaria
        alertas? (?:roja|sanitaria|alimentaria|meteorológica|por (?:calor|frío|lluvias?|tormentas?|viento|incendios?))s?
        ransomware|(?:filtración|robo|fuga) de datos|estafas?|fraudes?
    """,
    warning=rf"""
        escasez|desabastecimiento|huelgas?|arancel(?:es)?|sequías?|inundaci(?:ón|ones)|incendios? forestal(?:es)?
        heladas?|cuarentena|plagas?|apag(?:ón|ones)
        cort(?:ará|arán|ada|adas) (?:la |las |al )
        cortes? de (?:carreteras?|calles?|luz|agua|suministro|tráfico)
        (?:subida|alza|aumento|incremento) de (?:los |las |la )?{_PRICES}
        {_PRICES}(?: \w+){{0,3}} (?:suben?|subi(?:ó|eron|rán?)|aumentan?|aumentaron|aumentó|se disparan?|encarecen?)
        se encarecen?
        (?:suben?|subirán?|subieron|aumentan|se disparan) (?:los|las) {_PRICES}
        nuev[ao]s? (?:normas?|normativas?|reglas?|tasas?|impuestos?|regulaci(?:ón|ones)|reglamentos?)
        plazos?|fecha límite|prohíben?|prohibirá\w*|prohibi(?:ó|do|da|dos|das|ción|ciones)|demandas? judicial(?:es)?
        advierten?|advirti(?:ó|eron)|advertencias?
    """,
    chance=rf"""
        subvenci(?:ón|ones)|ayudas? (?:económicas?|públicas?|directas?|a|para)|bonificaci(?:ón|ones)
        (?:créditos?|deducci(?:ón|ones)|exenci(?:ón|ones)) fiscal(?:es)?|préstamos? (?:blandos?|a bajo interés)
        convocatorias?|licitaci(?:ón|ones)|(?:se )?buscan (?:vendedores|expositores|artesanos)
        {_MUCH}(?: \w+){{0,4}} (?:suben?|crecen?|creci(?:ó|eron)|aumentan?|aument(?:ó|aron)|se (?:disparan?|duplican?))
        (?:crecen?|aumentan?|se disparan?) (?:la demanda|las ventas|el interés|el turismo)
        (?:creciente|fuerte|gran) (?:demanda|interés)|(?:demanda|ventas|turismo) (?:récord|creciente)
    """,
    event=r"""
        ferias?|festival(?:es)?|exposici(?:ón|ones)|congresos?|conciertos?|desfiles?|mercadillos?|verbenas?|romerías?
        mercados? (?:navideños?|de navidad|agrícolas?|de agricultores|callejeros?|medieval(?:es)?|nocturnos?)
        marat(?:ón|ones)|taller(?:es)?|jornadas? de puertas abiertas|inauguraci(?:ón|ones)|torneos?|subastas?
        fiestas? (?:patronales|mayor|popular(?:es)?)|carnaval(?:es)?
    """,
    due=r"plazo|hasta|antes del?|a más tardar|vencen?|termina|finaliza|se cierra|fecha límite",
    months=(
        *("enero ene", "febrero feb", "marzo mar", "abril abr", "mayo may", "junio jun", "julio jul", "agosto ago"),
        *("septiembre setiembre sept sep", "octubre oct", "noviembre nov", "diciembre dic"),
    ),
    days=(
        r"(?P<d>\d{{1,2}})\.?º?\s+(?:de\s+)?(?P<m>{month})\b\.?(?:\s+(?:de\s+|del\s+)?(?P<y>\d{{4}}))?",
        r"(?P<d>\d{{1,2}})/(?P<m>\d{{1,2}})/(?P<y>\d{{4}})\b",
    ),
)
