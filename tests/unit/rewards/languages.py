"""Sentences in many languages, each on its own topic: a text, a paraphrase of it, and a sentence about something else.

They were written before any score of them was seen.
"""

TRIPLES = {
    "en": (
        "The library in our village stays open until nine o'clock on Thursdays because many people come after work.",
        "On Thursdays the library in our village is open until nine o'clock, since many people come after their work.",
        "Fresh snow covered every mountain pass, and no trucks could drive across the border during that week.",
    ),
    "de": (
        "Meine Großmutter backt jeden Sonntag einen Apfelkuchen, den die ganze Familie am Nachmittag zusammen isst.",
        "Jeden Sonntag backt meine Großmutter einen Apfelkuchen, und die ganze Familie isst ihn am Nachmittag.",
        "Der Zug nach Hamburg fällt heute wegen eines technischen Fehlers an der Lokomotive leider aus.",
    ),
    "es": (
        "Los pescadores salen del puerto antes del amanecer y vuelven con las barcas llenas de sardinas.",
        "Antes del amanecer los pescadores salen del puerto, y vuelven con sus barcas llenas de sardinas.",
        "Mi hermana estudia química porque quiere encontrar nuevos medicamentos contra la malaria.",
    ),
    "fr": (
        "Les élèves de cette école ont planté cinquante arbres au bord de la rivière pour protéger les oiseaux.",
        "Pour protéger les oiseaux, les élèves de cette école ont planté une cinquantaine d'arbres près de la rivière.",
        "Le nouveau téléphone coûte trop cher et sa batterie ne dure même pas une journée entière.",
    ),
    "tr": (
        "Babam her sabah çayını içerken gazetesini okur ve sonra yürüyerek işe gider.",
        "Her sabah babam gazetesini okurken çayını içer, sonra da işe yürüyerek gider.",
        "Yeni açılan müzede Osmanlı döneminden kalma eski haritalar ve kılıçlar sergileniyor.",
    ),
    "vi": (
        "Mỗi buổi chiều, bọn trẻ trong xóm thường ra bờ sông thả diều khi trời có gió.",
        "Khi trời có gió, bọn trẻ trong xóm thường thả diều ở bờ sông vào mỗi buổi chiều.",
        "Công ty vừa thông báo sẽ tăng lương cho tất cả nhân viên kể từ tháng sau.",
    ),
    "ru": (
        "Врач посоветовал моему соседу больше гулять на свежем воздухе и каждый день делать зарядку.",
        "Врач посоветовал соседу каждый день делать зарядку и больше гулять на свежем воздухе.",
        "В музее открылась выставка старинных часов, собранных по всей Европе.",
    ),
    "ar": (
        "يزرع الفلاحون القمح في الخريف ويحصدونه في بداية الصيف قبل أن تشتد الحرارة.",
        "في الخريف يزرع الفلاحون القمح، ويحصدونه في بداية الصيف قبل أن تشتد الحرارة.",
        "وصلت الطائرة إلى المطار متأخرة ثلاث ساعات بسبب الضباب الكثيف.",
    ),
    "hi": (
        "मेरे गाँव के बच्चे नदी पार करके स्कूल जाते हैं क्योंकि पुल अभी तक नहीं बना है।",
        "पुल अभी तक नहीं बना है, इसलिए मेरे गाँव के बच्चे नदी पार करके स्कूल जाते हैं।",
        "इस साल आम की फसल बहुत अच्छी हुई और बाज़ार में दाम आधे रह गए।",
    ),
    "th": (
        "แม่ของฉันชอบปลูกดอกไม้ในสวนหลังบ้านทุกวันเสาร์",
        "ทุกวันเสาร์แม่ของฉันชอบปลูกดอกไม้ในสวนที่อยู่หลังบ้าน",
        "รถไฟฟ้าสายใหม่จะเปิดให้บริการในเดือนมีนาคมปีหน้า",
    ),
    "zh": (
        "为了减少空气污染，市政府决定从明年开始只允许电动公交车进入市中心。",
        "市政府决定，从明年开始只有电动公交车可以进入市中心，以减少空气污染。",
        "他小时候跟爷爷学过下围棋，现在每个周末都去参加比赛。",
    ),
    "ja": (
        "新しい先生は毎朝、教室の花に水をやってから授業を始めます。",
        "毎朝、新しい先生は授業を始める前に教室の花に水をやります。",
        "台風のせいで飛行機が欠航になり、空港で一晩過ごした。",
    ),
    "ko": (
        "우리 할아버지는 매일 아침 공원에서 친구들과 함께 장기를 두신다.",
        "매일 아침 우리 할아버지는 친구들과 함께 공원에서 장기를 두신다.",
        "어제 산 컴퓨터가 고장 나서 수리 센터에 맡겼더니 일주일이 걸린다고 한다.",
    ),
}

ONLY_TEXTS = {
    "el": "Η γιαγιά μου μαζεύει ελιές κάθε φθινόπωρο στο νησί.",
    "he": "הילדים משחקים כדורגל בחצר אחרי בית הספר.",
    "bn": "আমার ভাই প্রতিদিন সকালে নদীতে মাছ ধরতে যায়।",
    "ta": "என் தம்பி தினமும் காலையில் பள்ளிக்கு நடந்து செல்கிறான்.",
    "ka": "ჩემი და ყოველ დილით ბაღში ყვავილებს რწყავს.",
    "lo": "ລູກຂອງຂ້ອຍໄປໂຮງຮຽນທຸກມື້",
    "km": "កូនរបស់ខ្ញុំទៅសាលារៀនរាល់ថ្ងៃ",
    "my": "ကျွန်တော့်သားက နေ့တိုင်း ကျောင်းသွားတယ်။",
}
