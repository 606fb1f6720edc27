"""Chinese characters of one sound: what an input method offers for the same Pinyin.

GB 2312-80 lists its 3,755 characters of common use (level 1, rows 16 to 55) by their Pinyin, tones left aside, so
that characters of one sound stand together: it is enough to know where each sound begins. These beginnings were
found with pypinyin (MIT), which agrees with the standard's order on every character; the characters themselves
come with Python, in its codec. They are 99.7% of the characters in running simplified text. Traditional text is
given those of them that it shares (Big5, level 1), and its own characters stay without.
"""

from __future__ import annotations

from functools import lru_cache

_LEVEL_1 = range(16, 56)
_BIG5_LEVEL_1 = range(0xA440, 0xC67F)

_BEGINNINGS = frozenset(
    "啊埃鞍肮凹芭白斑邦苞杯奔崩逼鞭标鳖彬兵玻捕擦猜餐苍操厕层插拆搀昌超车郴撑吃充抽初揣川疮吹春戳疵聪凑粗"
    "蹿摧村磋搭呆耽当刀德蹬堤颠碉跌丁丢东兜督端堆墩掇蛾恩而发藩坊菲芬丰佛否夫噶该干冈篙哥给根耕工钩辜刮乖"
    "棺光瑰辊锅哈骸酣夯壕呵嘿痕哼轰喉呼花槐欢荒灰荤豁击嘉歼僵蕉揭巾荆炯揪鞠捐撅均喀开刊康考坷肯坑空抠枯夸"
    "块宽匡亏坤括垃莱蓝琅捞勒雷棱厘俩联粮撩列琳玲溜龙楼芦驴峦掠抡萝妈埋瞒芒猫么玫门萌眯棉苗蔑民明谬摸谋拇"
    "拿氖南囊挠呢馁嫩能妮蔫娘鸟捏您柠牛脓奴女暖虐挪哦欧啪拍攀乓抛呸喷砰坯篇飘撇拼乒坡剖扑期掐牵枪橇切钦青"
    "琼秋趋圈缺裙然瓤饶惹壬扔日戎揉茹软蕊闰若撒腮三桑搔瑟森僧莎筛珊墒梢奢砷声师收蔬刷摔栓霜谁吮说斯松搜苏"
    "酸虽孙蓑塌胎坍汤掏特藤梯天挑贴厅通偷凸湍推吞拖挖歪豌汪威瘟嗡挝巫昔瞎掀相萧楔薪星兄休墟轩靴勋压焉殃邀"
    "椰一茵英哟拥幽迂鸳曰耘匝栽咱赃遭责贼怎增扎摘瞻樟招遮珍蒸芝中舟珠抓拽专桩椎谆捉兹鬃邹租钻嘴尊昨"
)
"""The first character of each of the 397 sounds, from a to zuo."""

_READINGS = {"了": "勒", "着": "遮", "还": "骸", "什": "砷", "曾": "层", "仔": "栽"}
"""Characters that are mostly read otherwise than where they stand: a character of that sound."""


@lru_cache(maxsize=2)
def homophones(traditional: bool) -> dict[str, tuple[str, ...]]:
    """The other characters of each one's sound; for traditional text only those that it uses.

    Example:
        >>> homophones(traditional=False)["他"]
        ('塌', '它', '她', '塔', '獭', '挞', '蹋', '踏')
    """
    sounds: list[list[str]] = []
    for character in _common():
        if character in _BEGINNINGS:
            sounds.append([])
        sounds[-1].append(character)
    by_first = {sound[0]: sound for sound in sounds}
    read = {character: sound for sound in sounds for character in sound}
    read |= {character: by_first[first] for character, first in _READINGS.items()}
    return {
        character: tuple(other for other in sound if other != character and _fits(other, traditional))
        for character, sound in read.items()
        if _fits(character, traditional)
    }


def _common() -> list[str]:
    """The characters of level 1, in the order of the standard."""
    codes = (bytes((row + 0xA0, cell + 0xA0)) for row in _LEVEL_1 for cell in range(1, 95))
    return [character for code in codes for character in code.decode("gb2312", "ignore")]


def _fits(character: str, traditional: bool) -> bool:
    if not traditional:
        return True
    code = character.encode("big5", "ignore")
    return bool(code) and int.from_bytes(code, "big") in _BIG5_LEVEL_1
