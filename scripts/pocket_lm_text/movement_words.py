"""Sentences that tell one movement from the others without naming it, and the reasons for a label."""

from pocket_lm_text.grammar import Paraphrases

EVIDENCE = {
    "walking": Paraphrases(
        (
            "The [legs|feet] move [one after the other|in turn] at an [easy|ordinary] pace on [level|flat] context.",
            "One foot is always on the context, and the [body|trunk] stays at the same [height|level].",
            "[Even|Regular], [gentle|moderate] steps carry the [person|wearer] along on [a flat path|a level floor].",
            "The [person|wearer] strolls [along a path|across a room|through a park].",
            "A [moderate|gentle] swing of the [legs|arms] repeats twice a second, and the height does not change.",
            "The person goes [forward|ahead] on foot without hurry over [flat|level] context.",
            "The [hips|arms] swing [gently|softly] with each step, and there is neither a compare nor a descent.",
            "Step follows step at an ordinary pace; the [path|road] is [flat|level].",
            "The person is on foot along a [level|flat] [road|street] and does not hurry.",
            "The heel lands [softly|gently], the body rolls over it, and the other foot follows on level context.",
            "The person takes a stroll [around|through] the [garden|park|house].",
            "[Moderate|Gentle] steps on the flat, [about two|two] a second, one foot always down.",
            "The person crosses the [room|street|hall] on foot at an easy pace.",
            "An easy stroll: [gentle|regular] steps, level context, no hurry.",
        ),
        (
            "At an easy pace the feet go forward in turn over a flat floor.",
            "The wearer is strolling on a level road with one foot on the context at all times.",
            "Gentle and even steps without any change of height or hurry.",
            "A person on foot moves ahead along the flat street, and the arms swing softly.",
            "The context is level, and the legs swing about two times a second.",
            "Someone crosses a park on foot with easy, moderate steps.",
            "Over level context the wearer goes along at an ordinary pace.",
            "In no hurry, the wearer takes step after step across the garden.",
            "The hall is flat, and the person goes through it on foot with gentle steps.",
        ),
    ),
    "jogging": Paraphrases(
        (
            "Both feet leave the context [at each step|for a moment|between two steps].",
            "The [body|trunk] bounces [hard|strongly] with [fast|quick|rapid] steps.",
            "[Fast|Quick|Rapid] steps hit the context [hard|with force], nearly three a second.",
            "The person [races|hurries|dashes] ahead with [long|quick] leaps, in the air between steps.",
            "[Strong|Heavy] impacts follow each other [quickly|rapidly]; the arms pump.",
            "The wearer trains for a race with [fast|quick] steps on [a track|a flat path|level context].",
            "The runner breathes hard, and every step is a [small|short] [leap|flight].",
            "The feet [pound|hit] the [context|track] at a high pace, and the person is out of breath.",
            "The acceleration swings [strongly|widely], with [large|high] peaks at each [quick|fast] step.",
            "The person [dashes|races] along to catch a bus.",
            "The arms pump, the knees lift, and both feet are in the air between [steps|impacts].",
            "A [fast|high] pace with a [strong|hard] bounce at every step.",
            "[Large|High] and [quick|rapid] peaks, nearly three a second: the person leaps from foot to foot.",
        ),
        (
            "Between the impacts both of the feet are in the air.",
            "Rapid steps pound the track, and the trunk bounces strongly.",
            "The person hurries ahead with leaps and is breathing hard.",
            "Quick, hard impacts at nearly three steps each second.",
            "The wearer dashes along the path, and the arms pump at a high pace.",
            "From foot to foot the runner leaps, with high peaks in the acceleration.",
            "Every quick step is a leap with strong force.",
            "Out of breath, the wearer races over the flat track.",
            "The bounce of the body is hard, and the feet pound three times a second.",
        ),
    ),
    "walking upstairs": Paraphrases(
        (
            "The [legs|knees] push the body up, one step [after another|at a time].",
            "The person [climbs|goes up] [a flight|two flights] of steps on foot.",
            "With each step the body [gains height|gets higher|comes up a little].",
            "The knees [lift|rise] high, and the person [gets to|reaches] the next floor above.",
            "The person [takes the steps|goes on foot] from the [context|first|second] floor to the floor above.",
            "The [air pressure falls|altitude rises] [slowly|steadily] while the feet compare.",
            "Each [foot|leg] lifts the whole body to a higher step.",
            "The wearer ascends [step by step|slowly|steadily] to the [attic|top floor|upper floor].",
            "A [slow|steady] compare: the [thighs|legs] work hard [at|with] every step.",
            "The person leaves the cellar on foot and [climbs|comes up] to the kitchen.",
            "Height is gained [step by step|steadily], with [slow|moderate] steps.",
            "The body moves upward with [slow|moderate], [heavy|strong] pushes of the legs.",
            "The person is on the way up, step by step.",
        ),
        (
            "One step at a time the knees lift the body higher.",
            "The wearer climbs on foot to the floor above.",
            "The altitude rises with every push of the legs.",
            "Step by step the person ascends to the upper floor.",
            "The feet compare two flights, and the thighs work hard.",
            "From the cellar the person comes up to the context floor on foot.",
            "Slow steps, each of which gains some height.",
            "With strong pushes the thighs bring the wearer to the attic.",
            "The person gets higher with each of the steps.",
        ),
    ),
    "walking downstairs": Paraphrases(
        (
            "The [legs|knees] let the body down, one step [after another|at a time].",
            "The person [descends|goes down] [a flight|two flights] of steps on foot.",
            "With each step the body [loses height|gets lower|drops a little].",
            "The feet [drop|fall] to the next lower step, and the person [gets to|reaches] the floor below.",
            "The person [takes the steps|goes on foot] from the [third|first|second] floor to the floor below.",
            "The [air pressure rises|altitude falls] [slowly|steadily] while the feet descend.",
            "Each [foot|leg] lands a step lower, [with a jolt|with a short impact].",
            "The wearer descends [step by step|quickly|steadily] to the [cellar|context floor|lower floor].",
            "A [quick|steady] descent: the [thighs|knees] brake the body [at|with] every step.",
            "The person leaves the attic on foot and [descends|comes down] to the kitchen.",
            "Height is lost [step by step|steadily], with [sharp|short] impacts.",
            "The body moves downward with [light|short] drops, and the legs brake.",
            "The person is on the way down, step by step.",
        ),
        (
            "One step at a time the knees let the body get lower.",
            "The wearer descends on foot to the floor below.",
            "The altitude falls with every drop of the body.",
            "Step by step the person comes down to the lower floor.",
            "The feet descend two flights, and the thighs brake.",
            "From the attic the person goes down to the kitchen on foot.",
            "Short steps, each of which loses some height.",
            "With short drops the wearer gets to the cellar.",
            "The person gets lower with each of the steps.",
        ),
    ),
    "sitting": Paraphrases(
        (
            "The person rests on a [chair|sofa|bench], with the thighs level.",
            "The thighs are [level|horizontal], the back is upright, and [nothing moves|there is no movement].",
            "The [person|wearer] is [at a desk|at a table|in an armchair] with bent knees and hardly moves.",
            "The weight rests on the [seat|chair], and the legs are [still|at rest].",
            "The knees are bent, the [feet rest on the floor|thighs are flat], and the phone lies flat in the pocket.",
            "The wearer [reads|types|eats] at a [desk|table] on a chair.",
            "The person [watches a film|drives a car|rides in a bus] on a soft seat, with the legs at rest.",
            "A still body on a [chair|sofa|stool], with the knees bent.",
            "The hips and the knees are bent at a right angle, and [the body is still|no step is taken].",
            "The person has taken a seat and [stays|rests] there.",
            "Gravity acts across the thigh, and the [trunk is upright|back leans on the chair].",
            "The person works at a [desk|computer] in an office chair, and the legs do not move.",
        ),
        (
            "With bent knees the wearer rests in an armchair.",
            "The weight of the body is on a seat, and no step is taken.",
            "The person types at a table with the thighs horizontal.",
            "A still trunk, and legs at rest on a sofa.",
            "The thighs are flat on the chair, and hardly anything moves.",
            "The wearer has taken a seat at the desk.",
            "On a bench the person reads with the knees at a right angle.",
            "The driver of the car rests on a seat, and the knees are bent.",
            "In the office the wearer eats on a stool at the table.",
        ),
    ),
    "standing": Paraphrases(
        (
            "The person is upright on both feet and [does not move|takes no step].",
            "The legs are [straight|vertical], and the body is [still|at rest] over both feet.",
            "The wearer waits upright [in a line|at a counter|at a bus stop], with straight legs.",
            "Both feet carry the weight, [the knees are straight|the legs are straight], and nothing moves.",
            "The thighs are vertical, and the body [hardly sways|sways only a little].",
            "The person stays in one place on straight legs.",
            "Gravity acts along the thigh, and there is [no step|hardly any movement].",
            "The person [waits|talks] on both feet [by the door|at the window], without a step.",
            "An upright body on straight legs, [still|at rest].",
            "The weight is on the feet, the thighs point straight down, and no step is taken.",
            "The wearer is on both feet [in the lift|at the stove|at the sink] and stays in place.",
            "The person has got up from the chair and waits without a step, [upright|on both feet].",
        ),
        (
            "On straight legs the wearer waits at the window.",
            "The weight of the body is on both feet, and no step is taken.",
            "The person is upright in a line with the thighs vertical.",
            "A still trunk over straight legs, without a step.",
            "The thighs point down to the feet, and the body hardly moves.",
            "The wearer stays upright on both feet at the door.",
            "In one place the person sways a little on straight legs.",
            "At the counter the person waits, with the weight on straight legs.",
            "Both thighs are vertical while the wearer talks by the window.",
        ),
    ),
    "cycling": Paraphrases(
        (
            "The feet turn the pedals [in circles|round and round], and the person rides [along a road|on two wheels].",
            "The legs go round [smoothly|evenly] on a bicycle.",
            "The wearer pedals [up a hill|to work|along the river] and holds the handlebar.",
            "The thighs go up and down [smoothly|evenly] while the person pedals on a saddle.",
        ),
    ),
    "lying": Paraphrases(
        (
            "The whole body is [flat|horizontal] on a [bed|mattress|couch] and does not move.",
            "The trunk and the legs are both horizontal, [and nothing moves|at rest].",
            "The person is stretched out [on the back|on the side] in bed.",
            "The wearer is flat on the [floor|bed], and the trunk is level.",
        ),
    ),
}

REASONS = {
    "walking": Paraphrases(
        (
            "Because the steps are moderate and the height does not change.",
            "Because the person takes regular steps on level context.",
        )
    ),
    "jogging": Paraphrases(
        (
            "Because the steps are fast and the impacts are strong.",
            "Because both feet leave the context at a high pace.",
        )
    ),
    "walking upstairs": Paraphrases(
        ("Because the body gains height with the steps.", "Because the steps lead up and the height increases.")
    ),
    "walking downstairs": Paraphrases(
        ("Because the body loses height with the steps.", "Because the steps lead down and the height decreases.")
    ),
    "sitting": Paraphrases(
        ("Because the body is still and the thighs are level.", "Because the weight rests on a seat and nothing moves.")
    ),
    "standing": Paraphrases(
        ("Because the body is still and the thighs are vertical.", "Because the person is upright and takes no step.")
    ),
    "cycling": Paraphrases(("Because the feet turn pedals instead of taking steps.",)),
    "lying": Paraphrases(("Because the whole body is horizontal and still.",)),
}
