"""The names of countries as address lists hold them: for each country its ISO code of three letters and its names.

The names are English, Spanish, French, German, Portuguese and Italian, in lower case and without accents, as
`phones.country_of` compares them. `phonenumbers` has such names too, but takes seconds to load them.
"""

from __future__ import annotations

_TABLE = """
AD and, andorra, andorre
AE are, united arab emirates, emiratos arabes unidos, emirats arabes unis, vereinigte arabische emirate, uae, dubai
AE emirados arabes unidos, emirati arabi uniti, emirates, abu dhabi
AF afg, afghanistan, afganistan, afeganistao
AL alb, albania, albanie, albanien
AM arm, armenia, armenie, armenien
AO ago, angola
AR arg, argentina, argentine, argentinien
AT aut, austria, autriche, osterreich, oesterreich
AU aus, australia, australie, australien
AW abw, aruba
AZ aze, azerbaijan, azerbaiyan, azerbaidjan, aserbaidschan, azerbaijao
BA bih, bosnia and herzegovina, bosnia, bosnia y herzegovina, bosnie herzegovine, bosnien und herzegowina
BB brb, barbados, barbade
BD bgd, bangladesh
BE bel, belgium, belgica, belgique, belgien, belgio
BG bgr, bulgaria, bulgarie, bulgarien
BH bhr, bahrain, bahrein
BM bmu, bermuda, bermudas, bermudes
BO bol, bolivia, bolivie, bolivien
BR bra, brazil, brasil, bresil, brasilien, brasile
BS bhs, bahamas, the bahamas
BY blr, belarus, bielorrusia, bielorussie, weissrussland, bielorrussia
BZ blz, belize, belice
CA can, canada, kanada
CD cod, democratic republic of the congo, congo kinshasa, dr congo
CH che, switzerland, suiza, suisse, schweiz, suica, svizzera
CI civ, ivory coast, cote d ivoire, costa de marfil, elfenbeinkuste, costa do marfim
CL chl, chile, chili, cile
CM cmr, cameroon, camerun, cameroun, kamerun, camaroes
CN chn, china, chine, cina, peoples republic of china
CO col, colombia, colombie, kolumbien
CR cri, costa rica
CU cub, cuba, kuba
CV cpv, cape verde, cabo verde, cap vert
CW cuw, curacao
CY cyp, cyprus, chipre, chypre, zypern, cipro
CZ cze, czech republic, czechia, chequia, republica checa, republique tcheque, tchequie, tschechien, tchequia
DE deu, germany, alemania, allemagne, deutschland, alemanha, germania, ger, brd
DK dnk, denmark, dinamarca, danemark, danimarca, danmark
DO dom, dominican republic, republica dominicana, republique dominicaine, dominikanische republik
DZ dza, algeria, argelia, algerie, algerien
EC ecu, ecuador, equateur, equador
EE est, estonia, estonie, estland
EG egy, egypt, egipto, egypte, agypten, aegypten, egito, egitto
ES esp, spain, espana, espagne, spanien, espanha, spagna
ET eth, ethiopia, etiopia, ethiopie, athiopien
FI fin, finland, finlandia, finlande, finnland, suomi
FJ fji, fiji
FR fra, france, francia, frankreich, franca
GB gbr, united kingdom, reino unido, royaume uni, vereinigtes konigreich, grossbritannien, regno unito, great britain
GB uk, england, scotland, wales, northern ireland, britain, inglaterra, angleterre, gran bretana, inghilterra
GE geo, georgia, georgie, georgien
GH gha, ghana
GI gib, gibraltar
GP glp, guadeloupe, guadalupe
GR grc, greece, grecia, grece, griechenland, hellas
GT gtm, guatemala
GU gum, guam
GY guy, guyana
HK hkg, hong kong, hongkong
HN hnd, honduras
HR hrv, croatia, croacia, croatie, kroatien, croazia, hrvatska
HT hti, haiti
HU hun, hungary, hungria, hongrie, ungarn, ungheria
ID idn, indonesia, indonesie, indonesien
IE irl, ireland, irlanda, irlande, irland, republic of ireland, eire
IL isr, israel, israele
IN ind, india, inde, indien, bharat
IQ irq, iraq, irak, iraque
IR irn, iran
IS isl, iceland, islandia, islande, island, islanda
IT ita, italy, italia, italie, italien
JM jam, jamaica, jamaique, jamaika, giamaica
JO jor, jordan, jordania, jordanie, jordanien, giordania
JP jpn, japan, japon, japao, giappone
KE ken, kenya, kenia, quenia
KH khm, cambodia, camboya, cambodge, kambodscha
KR kor, south korea, korea, corea del sur, coree du sud, sudkorea, coreia do sul, republic of korea, korea south
KW kwt, kuwait, koweit
KY cym, cayman islands, islas caiman
KZ kaz, kazakhstan, kazajistan, kasachstan
LB lbn, lebanon, libano, liban, libanon
LI lie, liechtenstein
LK lka, sri lanka
LT ltu, lithuania, lituania, lituanie, litauen
LU lux, luxembourg, luxemburgo, luxemburg, lussemburgo
LV lva, latvia, letonia, lettonie, lettland, lettonia
LY lby, libya, libia, libye, libyen
MA mar, morocco, marruecos, maroc, marokko, marrocos, marocco
MC mco, monaco
MD mda, moldova, moldavia, moldavie, moldawien
ME mne, montenegro
MK mkd, north macedonia, macedonia, macedoine du nord, nordmazedonien
MM mmr, myanmar, burma, birmania
MO mac, macau, macao
MQ mtq, martinique, martinica
MT mlt, malta, malte
MU mus, mauritius, mauricio, maurice
MV mdv, maldives, maldivas
MX mex, mexico, mexique, mexiko, messico, mejico
MY mys, malaysia, malasia, malaisie
MZ moz, mozambique, mocambique
NA nam, namibia, namibie
NG nga, nigeria
NI nic, nicaragua
NL nld, netherlands, the netherlands, holland, paises bajos, holanda, pays bas, niederlande, paises baixos, paesi bassi
NL nederland
NO nor, norway, noruega, norvege, norwegen, norvegia, norge
NP npl, nepal
NZ nzl, new zealand, nueva zelanda, nouvelle zelande, neuseeland, nova zelandia, nuova zelanda
OM omn, oman
PA pan, panama
PE per, peru, perou
PH phl, philippines, filipinas, philippinen, filippine
PK pak, pakistan, paquistao
PL pol, poland, polonia, pologne, polen, polska
PR pri, puerto rico, porto rico
PT prt, portugal, portogallo
PY pry, paraguay, paraguai
QA qat, qatar, catar, katar
RE reu, reunion
RO rou, romania, rumania, roumanie, rumanien, romenia
RS srb, serbia, serbie, serbien
RU rus, russia, rusia, russie, russland, russian federation
SA sau, saudi arabia, arabia saudita, arabie saoudite, saudi arabien, ksa
SE swe, sweden, suecia, suede, schweden, svezia, sverige
SG sgp, singapore, singapur, singapour, singapura
SI svn, slovenia, eslovenia, slovenie, slowenien
SK svk, slovakia, eslovaquia, slovaquie, slowakei, slovacchia
SN sen, senegal
SR sur, suriname, surinam
SV slv, el salvador, salvador
TH tha, thailand, tailandia, thailande, tailandia
TN tun, tunisia, tunez, tunisie, tunesien
TR tur, turkey, turkiye, turquia, turquie, turkei, tuerkei, turchia
TT tto, trinidad and tobago, trinidad y tobago, trinidad
TW twn, taiwan
TZ tza, tanzania
UA ukr, ukraine, ucrania, ucraina
UG uga, uganda
US usa, united states, united states of america, estados unidos, estados unidos de america, etats unis, america
US vereinigte staaten, vereinigte staaten von amerika, stati uniti, eeuu, ee uu, eua, the united states
UY ury, uruguay, uruguai
UZ uzb, uzbekistan
VE ven, venezuela
VI vir, us virgin islands, u s virgin islands
VN vnm, vietnam, viet nam, vietna
ZA zaf, south africa, sudafrica, afrique du sud, sudafrika, africa do sul, rsa
ZM zmb, zambia
ZW zwe, zimbabwe
AG atg, antigua and barbuda, antigua
AI aia, anguilla
BN brn, brunei
BW bwa, botswana
DM dma, dominica
GD grd, grenada
GF guf, french guiana, guyane
GG ggy, guernsey
IM imn, isle of man
JE jey, jersey
KN kna, saint kitts and nevis, st kitts and nevis
KG kgz, kyrgyzstan
LA lao, laos
LC lca, saint lucia, st lucia
MG mdg, madagascar
MN mng, mongolia
NC ncl, new caledonia, nouvelle caledonie
PF pyf, french polynesia, polynesie francaise
PG png, papua new guinea
PS pse, palestine
RW rwa, rwanda
SC syc, seychelles
SD sdn, sudan
SM smr, san marino
SX sxm, sint maarten
SY syr, syria
TC tca, turks and caicos islands, turks and caicos
VC vct, saint vincent and the grenadines
VG vgb, british virgin islands
XK xkx, kosovo
YE yem, yemen
"""
#: name or code of three letters -> code of two
COUNTRY_OF: dict[str, str] = {
    name.strip(): line[:2] for line in _TABLE.strip().splitlines() for name in line[2:].split(",")
}
