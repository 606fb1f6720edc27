"""Plain sentences in twenty-one languages and fourteen scripts, written for these tests.

The fourth names a weekday and countries, which the built-in lexicons have in English.
"""

from __future__ import annotations

CORPUS: dict[str, tuple[str, ...]] = {
    "en": (
        "The train to the coast leaves at nine, and it is usually late.",
        "My neighbour grows tomatoes, beans and a great many flowers.",
        "Nobody in Paris expected 3.5 metres of water in 1910!",
        "On Monday we flew from Germany to Italy.",
    ),
    "de": (
        "Die Züge fahren heute später, weil die Strecke über München gesperrt ist.",
        "Meine Großmutter erzählt gern Geschichten; wir hören immer zu.",
        "Im Jahr 1910 stand das Wasser 3,5 Meter hoch.",
        "Am Montag flogen wir von Deutschland nach Italien.",
    ),
    "fr": (
        "L'été dernier, nous avons loué une petite maison près de la forêt.",
        "Le médecin a déjà reçu cinq élèves ce matin.",
        "Où êtes-vous allés après la fête ?",
        "Nous avons passé lundi en Italie et mardi en Espagne.",
    ),
    "es": (
        "El niño pequeño soñó con un león que vivía en la montaña.",
        "Mañana saldremos temprano, porque el camino es largo.",
        "¿Cuántos años tiene tu hermano?",
        "El lunes viajamos de Francia a Italia.",
    ),
    "tr": (
        "Işık söndü, çünkü fırtına bütün şehrin elektriğini kesti.",
        "İstanbul'da dün akşam güzel bir konser vardı.",
        "Öğretmen öğrencilere yeni kitaplar dağıttı.",
        "Pazartesi günü Almanya ile Fransa oynadı.",
    ),
    "vi": (
        "Hôm qua tôi đã đi chợ với mẹ để mua rau và cá.",
        "Trường học mới nằm gần bờ sông, cách nhà tôi hai cây số.",
        "Bạn có muốn uống cà phê sữa đá không?",
        "Thứ hai tuần trước trời mưa rất to.",
    ),
    "fi": (
        "Järvi jäätyi jo marraskuussa, ja lapset menivät heti luistelemaan.",
        "Äiti keitti kahvia, kun isä luki sanomalehteä.",
        "Missä päin kaupunkia sinä asut?",
        "Maanantai oli kylmä, kun Saksa ja Ranska pelasivat.",
    ),
    "sw": (
        "Watoto wanacheza mpira uwanjani baada ya shule.",
        "Mama alinunua samaki, mchele na matunda sokoni.",
        "Treni ya kwenda Mombasa huondoka saa tatu asubuhi.",
        "Jumatatu tutasafiri kutoka Ujerumani hadi Ufaransa.",
    ),
    "ru": (
        "Сегодня утром поезд пришёл вовремя, но на улице ещё было темно.",
        "Мой сосед выращивает помидоры, огурцы и цветы.",
        "Зелёный чай стоит дороже, чем чёрный.",
        "В понедельник играли Германия и Франция.",
    ),
    "el": (
        "Το πλοίο έφτασε στο λιμάνι νωρίς το πρωί, πριν από την καταιγίδα.",
        "Η γιαγιά μου λέει πάντα ωραίες ιστορίες.",
        "Πόσο κοστίζει αυτό το βιβλίο;",
        "Τη Δευτέρα έπαιξαν η Γερμανία και η Γαλλία.",
    ),
    "ar": (
        "أعلن الوزير أن المدرسة الجديدة ستفتح أبوابها في الأسبوع المقبل.",
        "ذهب الأطفال إلى الحديقة، ثم عادوا إلى البيت.",
        "كم ثمن هذا الكتاب؟",
        "لعبت ألمانيا ضد فرنسا في مارس.",
    ),
    "ur": (
        "بچے شام تک باغ میں کھیلتے رہے، پھر گھر واپس آ گئے۔",
        "میرے دادا ہر صبح اخبار پڑھتے ہیں۔",
        "یہ کتاب کتنے کی ہے؟",
        "جرمنی اور فرانس کل کھیلیں گے۔",
    ),
    "he": (
        "הילדים שיחקו בחצר עד הערב, ואז חזרו הביתה לאכול.",
        "הרכבת לחיפה יוצאת בשעה תשע בבוקר.",
        "כמה עולה הספר הזה?",
        "ביום שני גרמניה שיחקה נגד צרפת.",
    ),
    "hi": (
        "मेरे पिता हर सुबह बाज़ार से ताज़ी सब्ज़ियाँ और फल लाते हैं।",
        "कल रात बहुत तेज़ बारिश हुई, इसलिए सड़कें बंद थीं।",
        "यह किताब कितने की है?",
        "कल जर्मनी और भारत खेलेंगे।",
    ),
    "bn": (
        "আমার ভাই প্রতিদিন সকালে নদীর ধারে হাঁটতে যায়।",
        "কাল রাতে খুব বৃষ্টি হয়েছিল, তাই রাস্তা বন্ধ ছিল।",
        "এই বইটির দাম কত?",
        "গতকাল জার্মানি আর ভারত খেলেছে।",
    ),
    "ta": (
        "என் அம்மா தினமும் காலையில் காபி போடுகிறார்.",
        "நேற்று இரவு நல்ல மழை பெய்தது, அதனால் பள்ளிக்கு விடுமுறை.",
        "இந்த புத்தகத்தின் விலை என்ன?",
        "நேற்று ஜெர்மனி இந்தியா அணிகள் விளையாடின.",
    ),
    "te": (
        "మా నాన్న ప్రతి ఉదయం తోటలో పని చేస్తారు.",
        "నిన్న రాత్రి వర్షం పడింది, అందుకే రోడ్లు మూసివేశారు.",
        "ఈ పుస్తకం ధర ఎంత?",
        "నిన్న జర్మనీ మరియు భారతదేశం ఆడాయి.",
    ),
    "th": (
        "วันนี้อากาศดีมาก เราจึงไปเดินเล่นที่สวนใกล้บ้าน",
        "แม่ซื้อปลา ผัก และผลไม้จากตลาด",
        "หนังสือเล่มนี้ราคาเท่าไร?",
        "วันจันทร์ เยอรมนีแข่งกับฝรั่งเศส",
    ),
    "ko": (
        "어제 친구와 함께 새로 생긴 도서관에서 책을 읽었다.",
        "할머니께서는 매일 아침 시장에 가십니다.",
        "이 책은 얼마입니까?",
        "어제 독일 그리고 프랑스 선수들이 왔다.",
    ),
    "ja": (
        "昨日、友達と新しいレストランで昼ご飯を食べました。",
        "電車が遅れたので、会議は三十分後に始まります。",
        "この本はいくらですか？",
        "月曜日にドイツとフランスが試合をした。",
    ),
    "zh": (
        "他们昨天在图书馆里看了三个小时的书，然后才回家。",
        "我的邻居种了很多花，也种了一些蔬菜。",
        "这本书多少钱？",
        "星期一德国和法国比赛了。",
    ),
}

ANSWERS = {
    "en": ("Nobody in Paris expected 3.5 metres of water in 1910!", "Paris"),
    "de": ("Die Strecke über München ist gesperrt.", "München"),
    "ru": ("Мой сосед живёт в Москве, у реки.", "Москве"),
    "hi": ("मेरे पिता दिल्ली में रहते हैं।", "दिल्ली"),
    "ar": ("يعيش أخي في القاهرة، قرب النهر.", "القاهرة"),
    "th": ("พี่ชายของฉันอยู่ที่เชียงใหม่กับครอบครัว", "เชียงใหม่"),
    "ko": ("우리 형은 부산에서 산다.", "부산"),
    "zh": ("他哥哥住在上海，离河很近。", "上海"),
}

PASSAGES = {
    language: ("" if language in {"zh", "ja"} else " ").join(sentences)
    for language, sentences in CORPUS.items()
}


CLAIMS = {
    "en": ("The old bridge is closed.", "She can swim."),
    "es": ("El puente está cerrado.", "Puede nadar en el río."),
    "fr": ("Le pont est fermé.", "C'est une maison rouge."),
    "ru": ("Она может плавать.", "Мой сосед был врачом."),
    "vi": ("Anh ấy là bác sĩ.", "Tôi thích cà phê."),
    "zh": ("他是医生。", "我喜欢喝茶。"),
}
"""Sentences that the rules of negation take."""

NAMED = {
    "en": "The Hungarian team beat Brazil. Kenya lost to Egypt, and the Egyptians cheered.",
    "vi": "Đội Na Uy thắng Brazil. Kenya thua Ai Cập.",
    "th": "ทีมนอร์เวย์ชนะบราซิล เคนยาแพ้อียิปต์",
    "ja": "ノルウェーはブラジルに勝った。ケニアはエジプトに負けた。",
    "zh": "匈牙利队赢了巴西队。肯尼亚输给了埃及。",
}
"""Passages with countries that change places."""


def texts_for(name: str, language: str) -> tuple[str, ...]:
    """What a perturbation acts on: sentences, a passage that they make, claims, or a passage with countries."""
    if name == "negation":
        return CLAIMS.get(language, CORPUS[language])
    if name == "entity-swap":
        return (NAMED.get(language, PASSAGES[language]),)
    return (PASSAGES[language],) if name == "omission" else CORPUS[language]
