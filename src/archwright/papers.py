"""The papers that the library's parts follow: each part names its own as its `paper`, for `describe` and the report's BibTeX."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

VENUE = {"article": "journal", "inproceedings": "booktitle", "incollection": "booktitle", "misc": "howpublished"}
"""The BibTeX field that says where something was published, by kind of entry."""
ESCAPED = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"{": r"\textbraceleft{}", "}": r"\textbraceright{}"}
)
"""What LaTeX would not print as it is. Braces are named, as BibTeX counts them even behind a backslash."""


@dataclass(frozen=True)
class Paper:
    """A paper, with authors (`Surname, First names and ...`), title and venue as they are written in BibTeX."""

    key: str
    authors: str
    year: int
    title: str
    venue: str
    arxiv: str | None = None
    kind: Literal["article", "inproceedings", "incollection", "misc"] = "inproceedings"

    @property
    def text(self) -> str:
        """The paper in one line, as in `Real et al. 2019, Regularized Evolution for ..., arXiv:1802.01548`."""
        surnames = [author.partition(",")[0] for author in self.authors.split(" and ")]
        if len(surnames) > 3:
            surnames = [f"{surnames[0]} et al."]
        authors = " & ".join(filter(None, (", ".join(surnames[:-1]), surnames[-1])))
        number = f", arXiv:{self.arxiv}" if self.arxiv else ""
        return re.sub("[{}]", "", f"{authors} {self.year}, {self.title}{number}")

    @property
    def bibtex(self) -> str:
        """The paper's BibTeX entry."""
        fields = {"title": self.title, "author": self.authors, "year": self.year, VENUE[self.kind]: self.venue}
        if self.arxiv:
            fields |= {"eprint": self.arxiv, "archiveprefix": "arXiv"}
        return f"@{self.kind}{{{self.key},\n" + ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items()) + "\n}"


@dataclass(frozen=True)
class Note:
    """What a part outside the library says of its paper in plain text."""

    name: str
    text: str

    @property
    def key(self) -> str:
        """The name of the part, without what BibTeX would misread."""
        return re.sub(r"[^\w:.-]+", "-", self.name)

    @property
    def bibtex(self) -> str:
        """The text as a BibTeX entry."""
        return f"@misc{{{self.key},\n  note = {{{self.text.translate(ESCAPED)}}}\n}}"


Cited = Paper | tuple[Paper, ...] | str
"""What a part may say as its `paper`: one, several, or plain text."""
Papers = tuple[Paper | Note, ...]
"""What a part follows, as it can be cited."""


def papers_of(part: object, name: str) -> Papers:
    """The papers that a part, found by this name, says it follows; none if it has no `paper`."""
    paper: Cited = getattr(part, "paper", None) or ()
    if isinstance(paper, str):
        return (Note(name, paper),)
    return (paper,) if isinstance(paper, Paper) else tuple(paper)


NEURIPS = "Advances in Neural Information Processing Systems"
ICLR = "International Conference on Learning Representations"
ICML = "International Conference on Machine Learning"
CVPR = "IEEE Conference on Computer Vision and Pattern Recognition"
ECCV = "European Conference on Computer Vision"
AAAI = "AAAI Conference on Artificial Intelligence"
UAI = "Uncertainty in Artificial Intelligence"
JMLR = "Journal of Machine Learning Research"
TEVC = "IEEE Transactions on Evolutionary Computation"

# This library, and how to search and report on it
ARCHWRIGHT = Paper(
    "archwright",
    "{The archwright authors}",
    2026,
    "archwright: neural architecture search that says whether the search was worth it",
    "Software",
    kind="misc",
)
LINDAUER_2020 = Paper(
    "lindauer2020",
    "Lindauer, Marius and Hutter, Frank",
    2020,
    "Best Practices for Scientific Research on Neural Architecture Search",
    JMLR,
    "1909.02453",
    kind="article",
)
HESTERBERG_2015 = Paper(
    "hesterberg2015",
    "Hesterberg, Tim C.",
    2015,
    "What Teachers Should Know About the Bootstrap: Resampling in the Undergraduate Statistics Curriculum",
    "The American Statistician",
    "1411.5279",
    kind="article",
)
ELSKEN_2019 = Paper(
    "elsken2019",
    "Elsken, Thomas and Metzen, Jan Hendrik and Hutter, Frank",
    2019,
    "Neural Architecture Search: A Survey",
    JMLR,
    "1808.05377",
    kind="article",
)

# Search strategies
BERGSTRA_2012 = Paper(
    "bergstra2012",
    "Bergstra, James and Bengio, Yoshua",
    2012,
    "Random Search for Hyper-Parameter Optimization",
    JMLR,
    kind="article",
)
YING_2019 = Paper(
    "ying2019",
    "Ying, Chris and Klein, Aaron and Christiansen, Eric and Real, Esteban and Murphy, Kevin and Hutter, Frank",
    2019,
    "{NAS-Bench-101}: Towards Reproducible Neural Architecture Search",
    ICML,
    "1902.09635",
)
LI_2020_RANDOM = Paper(
    "li2020random",
    "Li, Liam and Talwalkar, Ameet",
    2020,
    "Random Search and Reproducibility for Neural Architecture Search",
    UAI,
    "1902.07638",
)
REAL_2019 = Paper(
    "real2019",
    "Real, Esteban and Aggarwal, Alok and Huang, Yanping and Le, Quoc V.",
    2019,
    "Regularized Evolution for Image Classifier Architecture Search",
    AAAI,
    "1802.01548",
)
WHITE_2021 = Paper(
    "white2021",
    "White, Colin and Nolen, Sam and Savani, Yash",
    2021,
    "Exploring the Loss Landscape in Neural Architecture Search",
    UAI,
    "2005.02960",
)
DEB_2002 = Paper(
    "deb2002",
    "Deb, Kalyanmoy and Pratap, Amrit and Agarwal, Sameer and Meyarivan, T.",
    2002,
    "A Fast and Elitist Multiobjective Genetic Algorithm: {NSGA-II}",
    TEVC,
    kind="article",
)
WHITE_2021_BANANAS = Paper(
    "white2021bananas",
    "White, Colin and Neiswanger, Willie and Savani, Yash",
    2021,
    "{BANANAS}: {Bayesian} Optimization with Neural Architectures for Neural Architecture Search",
    AAAI,
    "1910.11858",
)
MACKAY_1992 = Paper(
    "mackay1992",
    "MacKay, David J. C.",
    1992,
    "Information-Based Objective Functions for Active Data Selection",
    "Neural Computation",
    kind="article",
)
RU_2021 = Paper(
    "ru2021",
    "Ru, Binxin and Wan, Xingchen and Dong, Xiaowen and Osborne, Michael",
    2021,
    "Interpretable Neural Architecture Search via {Bayesian} Optimisation with {Weisfeiler-Lehman} Kernels",
    ICLR,
    "2006.07556",
)
GINSBOURGER_2010 = Paper(
    "ginsbourger2010",
    "Ginsbourger, David and Le Riche, Rodolphe and Carraro, Laurent",
    2010,
    "Kriging Is Well-Suited to Parallelize Optimization",
    "Computational Intelligence in Expensive Optimization Problems",
    kind="incollection",
)
KNOWLES_2006 = Paper(
    "knowles2006",
    "Knowles, Joshua",
    2006,
    "{ParEGO}: A Hybrid Algorithm with On-Line Landscape Approximation for Expensive Multiobjective Optimization Problems",
    TEVC,
    kind="article",
)
LIU_2018 = Paper(
    "liu2018",
    "Liu, Chenxi and Zoph, Barret and Neumann, Maxim and Shlens, Jonathon and Hua, Wei and Li, Li-Jia and Fei-Fei, Li "
    "and Yuille, Alan and Huang, Jonathan and Murphy, Kevin",
    2018,
    "Progressive Neural Architecture Search",
    ECCV,
    "1712.00559",
)
ZOPH_2017 = Paper(
    "zoph2017", "Zoph, Barret and Le, Quoc V.", 2017, "Neural Architecture Search with Reinforcement Learning", ICLR, "1611.01578"
)
ZOPH_2018 = Paper(
    "zoph2018",
    "Zoph, Barret and Vasudevan, Vijay and Shlens, Jonathon and Le, Quoc V.",
    2018,
    "Learning Transferable Architectures for Scalable Image Recognition",
    CVPR,
    "1707.07012",
)
LI_2018 = Paper(
    "li2018",
    "Li, Lisha and Jamieson, Kevin and DeSalvo, Giulia and Rostamizadeh, Afshin and Talwalkar, Ameet",
    2018,
    "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization",
    JMLR,
    "1603.06560",
    kind="article",
)
LI_2020_ASHA = Paper(
    "li2020asha",
    "Li, Liam and Jamieson, Kevin and Rostamizadeh, Afshin and Gonina, Ekaterina and Ben-tzur, Jonathan and Hardt, Moritz "
    "and Recht, Benjamin and Talwalkar, Ameet",
    2020,
    "A System for Massively Parallel Hyperparameter Tuning",
    "Machine Learning and Systems",
    "1810.05934",
)

# Optuna and its samplers
AKIBA_2019 = Paper(
    "akiba2019",
    "Akiba, Takuya and Sano, Shotaro and Yanase, Toshihiko and Ohta, Takeru and Koyama, Masanori",
    2019,
    "Optuna: A Next-generation Hyperparameter Optimization Framework",
    "ACM SIGKDD International Conference on Knowledge Discovery and Data Mining",
    "1907.10902",
)
BERGSTRA_2011 = Paper(
    "bergstra2011",
    "Bergstra, James and Bardenet, R{\\'e}mi and Bengio, Yoshua and K{\\'e}gl, Bal{\\'a}zs",
    2011,
    "Algorithms for Hyper-Parameter Optimization",
    NEURIPS,
)
HANSEN_2016 = Paper(
    "hansen2016", "Hansen, Nikolaus", 2016, "The {CMA} Evolution Strategy: A Tutorial", "arXiv preprint", "1604.00772", kind="misc"
)
AMENT_2023 = Paper(
    "ament2023",
    "Ament, Sebastian and Daulton, Samuel and Eriksson, David and Balandat, Maximilian and Bakshy, Eytan",
    2023,
    "Unexpected Improvements to Expected Improvement for {Bayesian} Optimization",
    NEURIPS,
    "2310.20708",
)
DEB_2014 = Paper(
    "deb2014",
    "Deb, Kalyanmoy and Jain, Himanshu",
    2014,
    "An Evolutionary Many-Objective Optimization Algorithm Using Reference-Point-Based Nondominated Sorting Approach, Part "
    "{I}: Solving Problems with Box Constraints",
    TEVC,
    kind="article",
)

# Weight sharing
LIU_2019 = Paper(
    "liu2019",
    "Liu, Hanxiao and Simonyan, Karen and Yang, Yiming",
    2019,
    "{DARTS}: Differentiable Architecture Search",
    ICLR,
    "1806.09055",
)
XU_2020 = Paper(
    "xu2020",
    "Xu, Yuhui and Xie, Lingxi and Zhang, Xiaopeng and Chen, Xin and Qi, Guo-Jun and Tian, Qi and Xiong, Hongkai",
    2020,
    "{PC-DARTS}: Partial Channel Connections for Memory-Efficient Architecture Search",
    ICLR,
    "1907.05737",
)
DONG_2019 = Paper(
    "dong2019",
    "Dong, Xuanyi and Yang, Yi",
    2019,
    "Searching for a Robust Neural Architecture in Four {GPU} Hours",
    CVPR,
    "1910.04465",
)
XIE_2019 = Paper(
    "xie2019",
    "Xie, Sirui and Zheng, Hehui and Liu, Chunxiao and Lin, Liang",
    2019,
    "{SNAS}: Stochastic Neural Architecture Search",
    ICLR,
    "1812.09926",
)
GUO_2020 = Paper(
    "guo2020",
    "Guo, Zichao and Zhang, Xiangyu and Mu, Haoyuan and Heng, Wen and Liu, Zechun and Wei, Yichen and Sun, Jian",
    2020,
    "Single Path One-Shot Neural Architecture Search with Uniform Sampling",
    ECCV,
    "1904.00420",
)
PHAM_2018 = Paper(
    "pham2018",
    "Pham, Hieu and Guan, Melody Y. and Zoph, Barret and Le, Quoc V. and Dean, Jeff",
    2018,
    "Efficient Neural Architecture Search via Parameter Sharing",
    ICML,
    "1802.03268",
)
WANG_2021 = Paper(
    "wang2021",
    "Wang, Ruochen and Cheng, Minhao and Chen, Xiangning and Tang, Xiaocheng and Hsieh, Cho-Jui",
    2021,
    "Rethinking Architecture Selection in Differentiable {NAS}",
    ICLR,
    "2108.04392",
)
LI_2020 = Paper(
    "li2020",
    'Li, Guohao and Qian, Guocheng and Delgadillo, Itzel C. and M{\\"u}ller, Matthias and Thabet, Ali and Ghanem, Bernard',
    2020,
    "{SGAS}: Sequential Greedy Architecture Search",
    CVPR,
    "1912.00195",
)
CHU_2021 = Paper(
    "chu2021",
    "Chu, Xiangxiang and Wang, Xiaoxing and Zhang, Bo and Lu, Shun and Wei, Xiaolin and Yan, Junchi",
    2021,
    "{DARTS-}: Robustly Stepping out of Performance Collapse Without Indicators",
    ICLR,
    "2009.01027",
)
MARTINS_2016 = Paper(
    "martins2016",
    "Martins, Andr{\\'e} F. T. and Astudillo, Ram{\\'o}n F.",
    2016,
    "From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label Classification",
    ICML,
    "1602.02068",
)

# Search spaces and baselines
DONG_2020 = Paper(
    "dong2020",
    "Dong, Xuanyi and Yang, Yi",
    2020,
    "{NAS-Bench-201}: Extending the Scope of Reproducible Neural Architecture Search",
    ICLR,
    "2001.00326",
)
HE_2016 = Paper(
    "he2016",
    "He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian",
    2016,
    "Deep Residual Learning for Image Recognition",
    CVPR,
    "1512.03385",
)
GORISHNIY_2021 = Paper(
    "gorishniy2021",
    "Gorishniy, Yury and Rubachev, Ivan and Khrulkov, Valentin and Babenko, Artem",
    2021,
    "Revisiting Deep Learning Models for Tabular Data",
    NEURIPS,
    "2106.11959",
)
HUANG_2017 = Paper(
    "huang2017",
    "Huang, Gao and Liu, Zhuang and van der Maaten, Laurens and Weinberger, Kilian Q.",
    2017,
    "Densely Connected Convolutional Networks",
    CVPR,
    "1608.06993",
)
SIMONYAN_2015 = Paper(
    "simonyan2015",
    "Simonyan, Karen and Zisserman, Andrew",
    2015,
    "Very Deep Convolutional Networks for Large-Scale Image Recognition",
    ICLR,
    "1409.1556",
)
SZEGEDY_2015 = Paper(
    "szegedy2015",
    "Szegedy, Christian and Liu, Wei and Jia, Yangqing and Sermanet, Pierre and Reed, Scott and Anguelov, Dragomir "
    "and Erhan, Dumitru and Vanhoucke, Vincent and Rabinovich, Andrew",
    2015,
    "Going Deeper with Convolutions",
    CVPR,
    "1409.4842",
)
SRIVASTAVA_2015 = Paper(
    "srivastava2015",
    'Srivastava, Rupesh Kumar and Greff, Klaus and Schmidhuber, J{\\"u}rgen',
    2015,
    "Training Very Deep Networks",
    NEURIPS,
    "1507.06228",
)
HOCHREITER_1997 = Paper(
    "hochreiter1997",
    'Hochreiter, Sepp and Schmidhuber, J{\\"u}rgen',
    1997,
    "Long Short-Term Memory",
    "Neural Computation",
    kind="article",
)
GERS_2000 = Paper(
    "gers2000",
    'Gers, Felix A. and Schmidhuber, J{\\"u}rgen and Cummins, Fred',
    2000,
    "Learning to Forget: Continual Prediction with {LSTM}",
    "Neural Computation",
    kind="article",
)
JOZEFOWICZ_2015 = Paper(
    "jozefowicz2015",
    "Jozefowicz, Rafal and Zaremba, Wojciech and Sutskever, Ilya",
    2015,
    "An Empirical Exploration of Recurrent Network Architectures",
    ICML,
)
CHO_2014 = Paper(
    "cho2014",
    'Cho, Kyunghyun and van Merri{\\"e}nboer, Bart and Gulcehre, Caglar and Bahdanau, Dzmitry and Bougares, Fethi '
    "and Schwenk, Holger and Bengio, Yoshua",
    2014,
    "Learning Phrase Representations Using {RNN} Encoder-Decoder for Statistical Machine Translation",
    "Conference on Empirical Methods in Natural Language Processing",
    "1406.1078",
)
BREIMAN_2001 = Paper("breiman2001", "Breiman, Leo", 2001, "Random Forests", "Machine Learning", kind="article")
