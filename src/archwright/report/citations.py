"""BibTeX of the papers behind a run's space, strategies and baselines."""

from __future__ import annotations

from collections.abc import Iterable

ALWAYS = ("archwright", "lindauer2020", "elsken2019")
BY_NAME: dict[str, tuple[str, ...]] = {
    "regularized_evolution": ("real2019",),
    "random": ("li2019",),
    "local_search": ("white2021",),
    "genetic": ("deb2002",),
    "reinforce": ("zoph2017", "zoph2018"),
    "progressive": ("liu2018",),
    "asha": ("li2020asha",),
    "hyperband": ("li2018", "li2020asha"),
    "optuna": ("akiba2019",),
    "darts": ("liu2019",),
    "pc_darts": ("xu2020", "liu2019"),
    "gdas": ("dong2019",),
    "snas": ("xie2019",),
    "single_path_uniform": ("guo2020",),
    "random_weight_sharing": ("li2019",),
    "discretization:perturbation": ("wang2021",),
    "discretization:progressive": ("li2020",),
    "auxiliary_skip": ("chu2021",),
    "sparsemax": ("martins2016",),
    "cell": ("zoph2018", "liu2019"),
    "nasbench201": ("dong2020",),
    "enas": ("pham2018",),
    "recurrent": ("pham2018", "liu2019"),
    "resnet": ("he2016",),
    "densenet": ("huang2017",),
    "vgg": ("simonyan2015",),
    "googlenet": ("szegedy2015",),
    "highway": ("srivastava2015",),
    "random_forest": ("breiman2001",),
}
"""What the name of a space, strategy, option or baseline begins with -> the keys of its papers."""


def _entry(kind: str, key: str, title: str, author: str, year: int, where: str = "") -> str:
    venue = {"article": "journal", "inproceedings": "booktitle", "software": "note"}[kind]
    lines = [f"  title = {{{title}}}", f"  author = {{{author}}}", f"  year = {{{year}}}", f"  {venue} = {{{where}}}"]
    return f"@{'misc' if kind == 'software' else kind}{{{key},\n" + ",\n".join(lines) + "\n}"


ENTRIES = {
    key: _entry(kind, key, title, author, year, where)
    for kind, key, title, author, year, where in (
        (
            "software",
            "archwright",
            "archwright: neural architecture search that says whether the search was worth it",
            "{The archwright authors}",
            2025,
            "Software",
        ),
        (
            "article",
            "lindauer2020",
            "Best Practices for Scientific Research on Neural Architecture Search",
            "Lindauer, Marius and Hutter, Frank",
            2020,
            "Journal of Machine Learning Research",
        ),
        (
            "article",
            "elsken2019",
            "Neural Architecture Search: A Survey",
            "Elsken, Thomas and Metzen, Jan Hendrik and Hutter, Frank",
            2019,
            "Journal of Machine Learning Research",
        ),
        (
            "inproceedings",
            "real2019",
            "Regularized Evolution for Image Classifier Architecture Search",
            "Real, Esteban and Aggarwal, Alok and Huang, Yanping and Le, Quoc V.",
            2019,
            "AAAI Conference on Artificial Intelligence",
        ),
        (
            "inproceedings",
            "li2019",
            "Random Search and Reproducibility for Neural Architecture Search",
            "Li, Liam and Talwalkar, Ameet",
            2019,
            "Uncertainty in Artificial Intelligence",
        ),
        (
            "inproceedings",
            "white2021",
            "Exploring the Loss Landscape in Neural Architecture Search",
            "White, Colin and Nolen, Sam and Savani, Yash",
            2021,
            "Uncertainty in Artificial Intelligence",
        ),
        (
            "article",
            "deb2002",
            "A Fast and Elitist Multiobjective Genetic Algorithm: {NSGA-II}",
            "Deb, Kalyanmoy and Pratap, Amrit and Agarwal, Sameer and Meyarivan, T.",
            2002,
            "IEEE Transactions on Evolutionary Computation",
        ),
        (
            "article",
            "li2018",
            "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization",
            "Li, Lisha and Jamieson, Kevin and DeSalvo, Giulia and Rostamizadeh, Afshin and Talwalkar, Ameet",
            2018,
            "Journal of Machine Learning Research",
        ),
        (
            "inproceedings",
            "li2020asha",
            "A System for Massively Parallel Hyperparameter Tuning",
            "Li, Liam and Jamieson, Kevin and Rostamizadeh, Afshin and Gonina, Ekaterina and Ben-tzur, Jonathan and Hardt, Moritz "
            "and Recht, Benjamin and Talwalkar, Ameet",
            2020,
            "Machine Learning and Systems",
        ),
        (
            "inproceedings",
            "akiba2019",
            "Optuna: A Next-generation Hyperparameter Optimization Framework",
            "Akiba, Takuya and Sano, Shotaro and Yanase, Toshihiko and Ohta, Takeru and Koyama, Masanori",
            2019,
            "ACM SIGKDD International Conference on Knowledge Discovery and Data Mining",
        ),
        (
            "inproceedings",
            "zoph2018",
            "Learning Transferable Architectures for Scalable Image Recognition",
            "Zoph, Barret and Vasudevan, Vijay and Shlens, Jonathon and Le, Quoc V.",
            2018,
            "IEEE Conference on Computer Vision and Pattern Recognition",
        ),
        (
            "inproceedings",
            "zoph2017",
            "Neural Architecture Search with Reinforcement Learning",
            "Zoph, Barret and Le, Quoc V.",
            2017,
            "International Conference on Learning Representations",
        ),
        (
            "inproceedings",
            "liu2018",
            "Progressive Neural Architecture Search",
            "Liu, Chenxi and Zoph, Barret and Neumann, Maxim and Shlens, Jonathon and Hua, Wei and Li, Li-Jia and Fei-Fei, Li "
            "and Yuille, Alan and Huang, Jonathan and Murphy, Kevin",
            2018,
            "European Conference on Computer Vision",
        ),
        (
            "inproceedings",
            "liu2019",
            "{DARTS}: Differentiable Architecture Search",
            "Liu, Hanxiao and Simonyan, Karen and Yang, Yiming",
            2019,
            "International Conference on Learning Representations",
        ),
        (
            "inproceedings",
            "dong2020",
            "{NAS-Bench-201}: Extending the Scope of Reproducible Neural Architecture Search",
            "Dong, Xuanyi and Yang, Yi",
            2020,
            "International Conference on Learning Representations",
        ),
        (
            "inproceedings",
            "pham2018",
            "Efficient Neural Architecture Search via Parameter Sharing",
            "Pham, Hieu and Guan, Melody Y. and Zoph, Barret and Le, Quoc V. and Dean, Jeff",
            2018,
            "International Conference on Machine Learning",
        ),
        (
            "inproceedings",
            "xu2020",
            "{PC-DARTS}: Partial Channel Connections for Memory-Efficient Architecture Search",
            "Xu, Yuhui and Xie, Lingxi and Zhang, Xiaopeng and Chen, Xin and Qi, Guo-Jun and Tian, Qi and Xiong, Hongkai",
            2020,
            "International Conference on Learning Representations",
        ),
        (
            "inproceedings",
            "dong2019",
            "Searching for a Robust Neural Architecture in Four {GPU} Hours",
            "Dong, Xuanyi and Yang, Yi",
            2019,
            "IEEE Conference on Computer Vision and Pattern Recognition",
        ),
        (
            "inproceedings",
            "xie2019",
            "{SNAS}: Stochastic Neural Architecture Search",
            "Xie, Sirui and Zheng, Hehui and Liu, Chunxiao and Lin, Liang",
            2019,
            "International Conference on Learning Representations",
        ),
        (
            "inproceedings",
            "guo2020",
            "Single Path One-Shot Neural Architecture Search with Uniform Sampling",
            "Guo, Zichao and Zhang, Xiangyu and Mu, Haoyuan and Heng, Wen and Liu, Zechun and Wei, Yichen and Sun, Jian",
            2020,
            "European Conference on Computer Vision",
        ),
        (
            "inproceedings",
            "wang2021",
            "Rethinking Architecture Selection in Differentiable {NAS}",
            "Wang, Ruochen and Cheng, Minhao and Chen, Xiangning and Tang, Xiaocheng and Hsieh, Cho-Jui",
            2021,
            "International Conference on Learning Representations",
        ),
        (
            "inproceedings",
            "li2020",
            "{SGAS}: Sequential Greedy Architecture Search",
            'Li, Guohao and Qian, Guocheng and Delgadillo, Itzel C. and M{\\"u}ller, Matthias and Thabet, Ali and Ghanem, Bernard',
            2020,
            "IEEE Conference on Computer Vision and Pattern Recognition",
        ),
        (
            "inproceedings",
            "chu2021",
            "{DARTS-}: Robustly Stepping out of Performance Collapse Without Indicators",
            "Chu, Xiangxiang and Wang, Xiaoxing and Zhang, Bo and Lu, Shun and Wei, Xiaolin and Yan, Junchi",
            2021,
            "International Conference on Learning Representations",
        ),
        (
            "inproceedings",
            "martins2016",
            "From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label Classification",
            "Martins, Andr{\\'e} F. T. and Astudillo, Ram{\\'o}n F.",
            2016,
            "International Conference on Machine Learning",
        ),
        (
            "inproceedings",
            "he2016",
            "Deep Residual Learning for Image Recognition",
            "He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian",
            2016,
            "IEEE Conference on Computer Vision and Pattern Recognition",
        ),
        (
            "inproceedings",
            "huang2017",
            "Densely Connected Convolutional Networks",
            "Huang, Gao and Liu, Zhuang and van der Maaten, Laurens and Weinberger, Kilian Q.",
            2017,
            "IEEE Conference on Computer Vision and Pattern Recognition",
        ),
        (
            "inproceedings",
            "simonyan2015",
            "Very Deep Convolutional Networks for Large-Scale Image Recognition",
            "Simonyan, Karen and Zisserman, Andrew",
            2015,
            "International Conference on Learning Representations",
        ),
        (
            "inproceedings",
            "szegedy2015",
            "Going Deeper with Convolutions",
            "Szegedy, Christian and Liu, Wei and Jia, Yangqing and Sermanet, Pierre and Reed, Scott and Anguelov, Dragomir "
            "and Erhan, Dumitru and Vanhoucke, Vincent and Rabinovich, Andrew",
            2015,
            "IEEE Conference on Computer Vision and Pattern Recognition",
        ),
        (
            "inproceedings",
            "srivastava2015",
            "Training Very Deep Networks",
            'Srivastava, Rupesh Kumar and Greff, Klaus and Schmidhuber, J{\\"u}rgen',
            2015,
            "Advances in Neural Information Processing Systems",
        ),
        ("article", "breiman2001", "Random Forests", "Breiman, Leo", 2001, "Machine Learning"),
    )
}


def bibtex(names: Iterable[str]) -> str:
    """The entries for these names, and those that every run cites."""
    keys = [*ALWAYS, *(key for name in names for start in BY_NAME if name.startswith(start) for key in BY_NAME[start])]
    return "\n\n".join(ENTRIES[key] for key in dict.fromkeys(keys))
