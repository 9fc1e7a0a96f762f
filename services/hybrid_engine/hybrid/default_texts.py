"""What the bot says where a bundle has no text of its own, French and English."""

# For what a bundle has no template of its own; each names no fact.
DEFAULT_TEXTS = {
    "fr": {
        "greet": "Bonjour ! Comment puis-je vous aider ?",
        "cut_short": "Je préfère m'arrêter là : je ne suis pas sûr de la suite.",
        "clarify": "Pouvez-vous préciser ce que vous cherchez ?",
        "handoff": "Un conseiller va prendre le relais.",
        "retrieval_down": "Je ne peux pas consulter nos informations pour le moment. Réessayez dans un instant.",
        "zone_unknown": "Nous ne connaissons pas cette zone. Les plus proches : {zones}.",
        "phone_invalid": "Ce numéro n'est pas complet : il faut {digits} chiffres.",
        "value_invalid": "Cette réponse ne convient pas. Pouvez-vous la donner autrement ?",
        "not_understood": "Je n'ai pas compris. Posez votre question autrement, ou écrivez « {handoff_word} » pour "
        "parler à une personne.",
        "zone_served": "Nous livrons à {zone} : {fee} de livraison.",
        "closing": "Avec plaisir ! À bientôt.",
        "anything_else": "Puis-je vous aider pour autre chose ?",
        "already_done": "Votre commande {order_id} est bien enregistrée. Pour en passer une autre, écrivez "
        "« {trigger_word} ».",
        "nothing_to_cancel": "Aucune commande n'est en cours.",
        "refused": "D'accord. Que faut-il changer ? Écrivez la bonne valeur, ou « {cancel_word} » pour tout arrêter.",
        "proof_reused": "Cette image a déjà servi : envoyez la capture du paiement, sinon une personne vérifiera.",
        "proof_missing": "Si le paiement est fait, il ne manque que sa capture.",
        "proof_assumed": "La deuxième image est prise comme capture du paiement.",
    },
    "en": {
        "greet": "Hello! How can I help you?",
        "cut_short": "I would rather stop here: I am not sure of the rest.",
        "clarify": "Could you say a little more about what you need?",
        "handoff": "A colleague will take over from here.",
        "retrieval_down": "I cannot look that up just now. Please try again in a moment.",
        "zone_unknown": "We do not know that area. The nearest ones: {zones}.",
        "phone_invalid": "That number is not complete: it takes {digits} digits.",
        "value_invalid": "That answer does not fit. Could you give it another way?",
        "not_understood": "I did not understand. Ask in other words, or write “{handoff_word}” to talk to a person.",
        "zone_served": "We deliver to {zone}: {fee} for delivery.",
        "closing": "With pleasure! See you soon.",
        "anything_else": "Can I help you with anything else?",
        "already_done": "Your order {order_id} is placed. To place another, write “{trigger_word}”.",
        "nothing_to_cancel": "There is no order in progress.",
        "refused": "All right. What should change? Write the right value, or “{cancel_word}” to stop.",
        "proof_reused": "This picture was sent before: send the payment's screenshot, or a person will check.",
        "proof_missing": "If you have paid, only the screenshot is missing.",
        "proof_assumed": "The second picture is taken as proof of payment.",
    },
}
