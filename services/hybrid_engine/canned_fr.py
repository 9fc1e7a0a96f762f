"""The canned replies that are shipped, in French: what a bot says when no model answers, and small talk."""

from collections.abc import Mapping

# By intent: a question, small talk, a model that took too long, a model that failed. 6 to 199 characters each.
SHIPPED_REPLIES: Mapping[str, tuple[str, ...]] = {
    "ask": (
        "Je réfléchis… mais mon cerveau est en pause 🧠💤",
        "Bonne question ! Je l'ai notée sur un post-it… que je viens de perdre 📝",
        "Mes circuits font la sieste, repasse un peu plus tard 😴",
        "Là, tout de suite, je sèche. Repose-moi la question dans un moment 🌵",
        "Mon oracle est parti chercher du café ☕",
        "J'ai la réponse sur le bout du câble… mais le câble est débranché 🔌",
        "Error 404 : inspiration introuvable, on réessaie bientôt ? 🤷",
        "Je te dirais bien, mais mon cerveau redémarre 🔄",
    ),
    "chill": (
        "Salut ! 👋",
        "Hey, ça roule ? 😎",
        "Coucou toi ! 🙌",
        "Yo ! Bien ou bien ? ✌️",
        "Tranquille, et toi ? 😌",
        "Toujours là, fidèle au poste 🤖",
        "On est bien, là, non ? 🛋️",
        "Je prends la pose, ne bouge pas 📸",
        "Détente et bonne humeur au programme 🌴",
        "Je mâche un octet, ça te dit ? 🍪",
        "Respire, tout va bien se passer 🧘",
        "Ici on chill, fais comme chez toi 🏡",
        "Bip boop, je te salue bien bas 🫡",
        "Le chat est en forme ce soir, j'adore 💜",
        "Je compte les pixels pour m'endormir 🐑",
        "Toi, tu as bon goût de passer par ici 😏",
        "La vie est belle quand le flux est stable 📶",
        "Un petit coucou et ça repart ! 🚀",
        "Peace, amour et bande passante ☮️",
    ),
    "ask_timeout": (
        "⏳ J'ai réfléchi si longtemps que j'ai oublié la question, tu me la redis ?",
        "🐌 Trop lent aujourd'hui, réessaie dans un instant !",
        "⌛ Le temps que je trouve, le stream sera fini… Réessaie !",
        "🕰️ Ma réponse s'est perdue en route, relance-moi !",
    ),
    "ask_error": (
        "💀 Mes neurones bugguent, réessaie dans 2 min !",
        "🔥 Petit court-circuit là-haut, je reviens vite !",
        "🛠️ Quelque chose a coincé, on retente dans un moment ?",
    ),
}
# In place of all of them for a tenant that wants no jokes (`silent`), or next to nothing (`minimal`).
SILENT_REPLY = "Commande temporairement indisponible."
MINIMAL_REPLY = "🤖"
