"""Sentences that tell strained days from quiet ones without naming the state, and the reasons for a label."""

from pocket_lm_text.grammar import Paraphrases

EVIDENCE = {
    "stressed": Paraphrases(
        (
            "The person [lies awake|wakes up often] at night and [worries|frets] about [work|an exam|money].",
            "The [shoulders|muscles] are [tense|tight], and the [jaw|fist] is clenched.",
            "Deadlines [pile up|press], and there is [no time to rest|hardly a break].",
            "The resting heart rate has [gone up|climbed] and the nights are [short|broken].",
            "The person [snaps at others|loses patience|is on edge] and cannot [settle down|switch off].",
            "The heart [races|pounds] even at rest, and the [hands sweat|palms are damp].",
            "Sleep is [short|broken|poor], and the mind [keeps racing|does not rest].",
            "Too many [tasks|demands|worries] [weigh on|press] the person.",
            "The heart rate variability [has dropped|is low], and the body [recovers poorly|does not recover].",
            "The person is [overloaded|overworked], [worried|anxious] and [tired|exhausted].",
            "A [quarrel|conflict] at [home|work] [takes away|robs] the person's sleep.",
            "The breath is [short|fast and shallow], and the stomach is in knots.",
            "The person [feels under pressure|is under pressure] from [morning to night|an exam].",
            "[Headaches|Worries] [come|return] every day, and [meals are skipped|breaks are skipped].",
        ),
        (
            "At night the person frets about work and is on edge in the morning.",
            "The jaw is tight and the palms sweat under the pressure of an exam.",
            "Worries pile up, and the mind cannot switch off.",
            "The nights are broken and the heart pounds at rest.",
            "Anxious and overworked, the person hardly takes a break.",
            "The person has lost patience, and demands press from all sides.",
            "A racing mind, short sleep and tense muscles.",
            "The person lies awake before an exam, with the stomach in knots.",
            "There is a conflict at work, and the body is exhausted.",
        ),
    ),
    "calm": Paraphrases(
        (
            "The person sleeps [soundly|deeply] [at night|for hours] and [has no worries|wakes up rested].",
            "The [shoulders|muscles] are [loose|soft], and the [face|jaw] is at ease.",
            "There is [plenty of|enough] time, and [breaks are taken|nothing presses].",
            "The resting heart rate has [gone down|stayed low] and the nights are [long|quiet].",
            "The person [laughs with others|is patient|is in good spirits] and [settles down|switches off] easily.",
            "The heart beats [slowly|quietly] at rest, and the [hands are dry|palms are dry].",
            "Sleep is [long|deep|good], and the mind [is quiet|is at rest].",
            "No [tasks|demands|worries] weigh on the person.",
            "The heart rate variability [has risen|is high], and the body [recovers well|is well rested].",
            "The person is [content|cheerful], [carefree|serene] and [fresh|rested].",
            "A [holiday|quiet week] at [home|the sea] [does|has done] the person good.",
            "The breath is [slow|slow and deep], and the [stomach|mind] is at ease.",
            "The person [takes it easy|has free time] from [morning to night|day to day].",
            "[Walks in the woods|Yoga and music] [fill|round off] the day, and [meals are enjoyed|breaks are enjoyed].",
        ),
        (
            "At night the person sleeps deeply and is in good spirits in the morning.",
            "The jaw is loose and the palms are dry on a quiet holiday.",
            "Nothing weighs on the person, and the mind switches off.",
            "The nights are quiet and the heart beats slowly at rest.",
            "Serene and cheerful, the person takes plenty of breaks.",
            "The person is patient, and there is enough free time.",
            "A mind at ease, long sleep and loose muscles.",
            "The person wakes up fresh after a long night, with the breath slow and deep.",
            "There is music at home, and the body is rested.",
        ),
    ),
}

REASONS = {
    "stressed": Paraphrases(
        (
            "Because the body does not recover and the mind does not rest.",
            "Because the signs of strain are high and the rest is poor.",
        )
    ),
    "calm": Paraphrases(
        (
            "Because the body recovers well and the mind is at rest.",
            "Because the signs of strain are low and the rest is good.",
        )
    ),
}
