"""Words that go opposite ways: a table, short enough to be read and long enough for what videos show."""

# Each line is an axis: one way, and the other.
AXES = """
increase rise grow gain elevate climb ascend raise high more | decrease fall drop decline reduce low lower less fewer
higher highest upper | lower lowest
ahead | behind
increase grow ascend accelerate | diminish shrink descend lessen decelerate
up upward above top over | down downward below bottom under
left leftward leftmost | right rightward rightmost
north northern northward | south southern southward
east eastern eastward | west western westward
hot warm heat hotter warmer | cold cool chill colder cooler
open | close shut
before earlier early prior | after later late
heavy heavier heaviest | light lighter lightest
fast faster fastest quick quickly rapid rapidly speed | slow slower slowest slowly slow
positive positively | negative negatively
expand expansion dilate widen lengthen stretch | contract contraction constrict narrow shorten compress
inflate swell | deflate shrink
relax relaxation | contract contraction tense
attract attraction attractive | repel repulsion repulsive repelled
clockwise | counterclockwise anticlockwise
acid acidic acidity | base basic alkaline alkalinity
oxidize oxidise oxidation oxidized | reduce reduction reduced
absorb absorption absorbed | emit release emission emitted
win won victory | lose lost defeat
gain gained | lose lost loss
start begin began beginning | end stop finish ended stopped
push pushed | pull pulled
first | last
front forward forwards | back backward backwards rear
long longer longest | short shorter shortest
large larger largest big bigger biggest | small smaller smallest tiny
thick thicker | thin thinner
wide wider broad | narrow narrower
deep deeper | shallow shallower
strong stronger strongest | weak weaker weakest
true correct | false incorrect wrong
systolic systole | diastolic diastole
anode | cathode
artery arteries arterial | vein veins venous
afferent | efferent
sympathetic | parasympathetic
exothermic | endothermic
aerobic | anaerobic
convex converging | concave diverging
proximal | distal
anterior | posterior
superior | inferior
dorsal | ventral
medial | lateral
dominant | recessive
active activate activated activation | passive inactive inhibit inhibited inhibition deactivate
inhale inspiration inhalation | exhale expiration exhalation
inside inner inward internal inwards | outside outer outward external outwards
male man men boy | female woman women girl
day daytime | night nighttime
summer | winter
dark darker | bright brighter light
wet | dry
hard harder | soft softer
tight tighten tightened | loose loosen loosened
attach attached | detach detached
enter entered | exit leave left
arrive arrived | depart departed leave
buy buys bought | sell sells sold
import imports | export exports
maximum maximize maximal most | minimum minimize minimal least
same equal identical similar | different unequal opposite
parallel | perpendicular
horizontal horizontally | vertical vertically
input | output
condense condensation | evaporate evaporation
freeze freezing frozen solidify | melt melting melted
always | never
all every | none
possible | impossible
present presence | absent absence
success succeed successful | failure fail unsuccessful
appear appeared | disappear disappeared vanish
connect connected | disconnect disconnected
visible | invisible
soluble | insoluble
organic | inorganic
complete completed | incomplete
direct directly | indirect indirectly
dependent | independent
elastic | inelastic
benign | malignant
acute | chronic
anion | cation
mitosis mitotic | meiosis meiotic
hydrophobic | hydrophilic
flexion flex | extension extend
abduction abduct | adduction adduct
agonist | antagonist
vasoconstriction vasoconstrict | vasodilation vasodilate
excitatory excite | inhibitory inhibit
depolarization depolarize | hyperpolarization repolarize hyperpolarize
kinetic | potential
transverse | longitudinal
series | parallel
conductor conduct | insulator insulate
reflection reflect | refraction refract
constructive constructively | destructive destructively
demand | supply
peak crest | trough
numerator | denominator
diploid | haploid
transcription transcribe | translation translate
dilute | concentrate
send transmit | receive
add added | remove removed
double doubled | halve halved
toward towards | away
better best | worse worst
promote enable allow | prevent block inhibit
strengthen strengthened | weaken weakened
able | unable
rough | smooth
rich | poor
full | empty
hire | fire
lend | borrow
ductile | brittle
opaque | transparent
odd | even
增 | 减
升 | 降
涨 | 跌
左 | 右
高 | 低
快 | 慢
大 | 小
热 | 冷
正 | 负
多 | 少
前 | 后
开 | 关
强 | 弱
长 | 短
"""
OPPOSITE_PREFIXES = (
    ("", "un"),
    ("", "non"),
    ("", "ir"),
    ("", "il"),
    ("", "in"),
    ("", "im"),
    ("", "dis"),
    ("", "de"),
    ("intra", "extra"),
    ("pre", "post"),
    ("up", "down"),
    ("hyper", "hypo"),
    ("macro", "micro"),
    ("endo", "exo"),
    ("over", "under"),
    ("homo", "hetero"),
    ("uni", "multi"),
)
