# %% [markdown] lang="en"
# # Convolutions
#
# A convolution slides a small kernel along a signal and asks, at each place, how well the two match.
# This notebook shows it from several sides: as a matrix, as scalar products, as the layer of a network,
# and as a tool that hears a motif in a melody and sees the edges in a photograph. Every program stands
# there twice: in JAX, with this project's package `conv`, and right after it in PyTorch.
#
# It follows the first half of a lecture: NYU Deep Learning, practicum 05-3, "Understanding convolutions
# and the automatic differentiation engine", by Alfredo Canziani. You need a little Python and some
# linear algebra, and no other notebook before this one. After it comes
# [Automatic differentiation](02_automatic_differentiation.ipynb).

# %% [markdown] lang="es"
# # Convoluciones
#
# Una convolución desliza un núcleo pequeño a lo largo de una señal y pregunta, en cada lugar, cuánto se
# parecen los dos. Este cuaderno la muestra desde varios lados: como matriz, como productos escalares,
# como capa de una red, y como herramienta que oye un motivo en una melodía y ve los bordes de una
# fotografía. Cada programa aparece dos veces: en JAX, con el paquete `conv` de este proyecto, y justo
# después en PyTorch.
#
# Sigue la primera mitad de una clase: NYU Deep Learning, práctica 05-3, "Understanding convolutions and
# the automatic differentiation engine", de Alfredo Canziani. Necesitas un poco de Python y algo de
# álgebra lineal, y ningún otro cuaderno antes de este. Después viene
# [Diferenciación automática](02_automatic_differentiation.ipynb).

# %% [markdown] lang="pt"
# # Convoluções
#
# Uma convolução desliza um kernel pequeno ao longo de um sinal e pergunta, em cada lugar, quanto os dois
# se parecem. Este caderno a mostra de vários lados: como matriz, como produtos escalares, como camada de
# uma rede, e como ferramenta que ouve um motivo em uma melodia e vê as bordas de uma fotografia. Cada
# programa aparece duas vezes: em JAX, com o pacote `conv` deste projeto, e logo depois em PyTorch.
#
# Ele segue a primeira metade de uma aula: NYU Deep Learning, prática 05-3, "Understanding convolutions
# and the automatic differentiation engine", de Alfredo Canziani. Você precisa de um pouco de Python e de
# alguma álgebra linear, e de nenhum outro caderno antes deste. Depois vem
# [Diferenciação automática](02_automatic_differentiation.ipynb).

# %%
import inspect

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from flax import nnx
from IPython.display import Audio, Markdown, display
from scipy.signal import find_peaks
from sklearn.datasets import load_sample_image

import conv
from compare import assert_agree
from compare.notebook import show

plt.rcParams["font.size"] = 12
conv1d = jax.jit(conv.conv1d, static_argnames="dilation")

# %% [markdown] lang="en"
# ## A convolution is a matrix
#
# Take a signal $x$ of $n$ samples and a kernel $w$ of $k$ weights. Lay the kernel on the first $k$
# samples, multiply what lies on top of each other, and add up: this is the first output. Move the kernel
# one sample to the right and do it again, until it reaches the end of the signal:
#
# $$y_i = \sum_{t=1}^{k} w_t \, x_{i+t-1}, \qquad i = 1, \ldots, n-k+1$$
#
# Every output is linear in $x$, so one matrix does it all. Its row $i$ holds the kernel, moved $i-1$
# places to the right, and zeros elsewhere. For $k=3$ and $n=5$:
#
# $$\begin{pmatrix} w_1 & w_2 & w_3 & 0 & 0 \\ 0 & w_1 & w_2 & w_3 & 0 \\ 0 & 0 & w_1 & w_2 & w_3 \end{pmatrix}$$
#
# A matrix that is constant along its diagonals is a *Toeplitz matrix*. A network does not use one kernel
# but $m$ of them, and so $m$ such matrices, one behind the other like the layers of a cake: an array of
# shape $(m, n-k+1, n)$. The function `conv.conv_matrix` builds it. Here are three kernels and a signal
# in whole numbers, so that you can check the results by hand.

# %% [markdown] lang="es"
# ## Una convolución es una matriz
#
# Toma una señal $x$ de $n$ muestras y un núcleo $w$ de $k$ pesos. Coloca el núcleo sobre las primeras
# $k$ muestras, multiplica lo que queda superpuesto y suma: esa es la primera salida. Mueve el núcleo una
# muestra a la derecha y repite, hasta que llegue al final de la señal:
#
# $$y_i = \sum_{t=1}^{k} w_t \, x_{i+t-1}, \qquad i = 1, \ldots, n-k+1$$
#
# Cada salida es lineal en $x$, así que una sola matriz lo hace todo. Su fila $i$ contiene el núcleo,
# desplazado $i-1$ lugares a la derecha, y ceros en lo demás. Para $k=3$ y $n=5$:
#
# $$\begin{pmatrix} w_1 & w_2 & w_3 & 0 & 0 \\ 0 & w_1 & w_2 & w_3 & 0 \\ 0 & 0 & w_1 & w_2 & w_3 \end{pmatrix}$$
#
# Una matriz que es constante a lo largo de sus diagonales es una *matriz de Toeplitz*. Una red no usa un
# solo núcleo sino $m$, y por tanto $m$ matrices así, una detrás de otra como las capas de un pastel: un
# arreglo de forma $(m, n-k+1, n)$. La función `conv.conv_matrix` lo construye. Aquí tienes tres núcleos y
# una señal en números enteros, para que puedas comprobar los resultados a mano.

# %% [markdown] lang="pt"
# ## Uma convolução é uma matriz
#
# Pegue um sinal $x$ de $n$ amostras e um kernel $w$ de $k$ pesos. Coloque o kernel sobre as primeiras
# $k$ amostras, multiplique o que fica sobreposto e some: essa é a primeira saída. Mova o kernel uma
# amostra para a direita e repita, até que ele chegue ao fim do sinal:
#
# $$y_i = \sum_{t=1}^{k} w_t \, x_{i+t-1}, \qquad i = 1, \ldots, n-k+1$$
#
# Cada saída é linear em $x$, portanto uma única matriz faz tudo. Sua linha $i$ contém o kernel,
# deslocado $i-1$ posições para a direita, e zeros no resto. Para $k=3$ e $n=5$:
#
# $$\begin{pmatrix} w_1 & w_2 & w_3 & 0 & 0 \\ 0 & w_1 & w_2 & w_3 & 0 \\ 0 & 0 & w_1 & w_2 & w_3 \end{pmatrix}$$
#
# Uma matriz que é constante ao longo das diagonais é uma *matriz de Toeplitz*. Uma rede não usa um só
# kernel, e sim $m$, e portanto $m$ matrizes assim, uma atrás da outra como as camadas de um bolo: um
# array de forma $(m, n-k+1, n)$. A função `conv.conv_matrix` o constrói. Aqui estão três kernels e um
# sinal em números inteiros, para que você possa conferir os resultados à mão.

# %%
kernels = np.float32([[1, 2, 3], [-1, 0, 1], [2, -1, 0]])  # (m, k)
x = np.float32([0, 1, 3, 2, 2, -1, 0, 1])  # (n,)
(m, k), n = kernels.shape, x.size

layers = jax.jit(conv.conv_matrix, static_argnums=1)(kernels, n)
vectors = layers @ x
row, column = np.indices(layers.shape[1:])
band = (column >= row) & (column < row + k)

print(layers.shape, "@", x.shape, "=", vectors.shape)
print(layers[0])

# %% [markdown] lang="en"
# PyTorch has no function for this matrix; a loop writes it, row by row. Here and below, names that end
# in `_t` are PyTorch's.

# %% [markdown] lang="es"
# PyTorch no tiene una función para esta matriz; un bucle la escribe, fila por fila. Aquí y en adelante,
# los nombres que terminan en `_t` son los de PyTorch.

# %% [markdown] lang="pt"
# O PyTorch não tem uma função para essa matriz; um laço a escreve, linha por linha. Aqui e adiante, os
# nomes que terminam em `_t` são os do PyTorch.

# %%
kernels_t, x_t = torch.tensor(kernels), torch.tensor(x)

layers_t = torch.zeros(m, n - k + 1, n)
for i in range(n - k + 1):
    layers_t[:, i, i : i + k] = kernels_t
vectors_t = layers_t @ x_t
band_t = torch.ones(n - k + 1, n).triu().tril(k - 1) > 0

print(layers_t[0])


# %% tags=["hide-input"]
def cells(axes, values, limit):
    axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "white" if abs(value) > 0.6 * limit else "black"
            axes.text(j, i, f"{value + 0.0:.0f}", ha="center", va="center", color=colour)
    axes.set_xticks([])
    axes.set_yticks([])


figure, every = plt.subplots(1, m, figsize=(7, 2.7), layout="constrained")
for index, axes in enumerate(every):
    cells(axes, np.where(band, layers[index], np.nan), 4)
    axes.set_title(_("kernel {}").format(index + 1))
every[0].set_ylabel(_("n − k + 1 = {}").format(n - k + 1))
every[1].set_xlabel(_("n = {}").format(n))
show(
    figure,
    alt=_(
        "Three matrices side by side, one a kernel. In each row the three weights of the kernel stand "
        "one place further to the right; the empty cells are zero."
    ),
)

# %% [markdown] lang="en"
# In each row only $k$ of the $n$ entries can differ from zero, and every row repeats the same $k$
# numbers. A full matrix of this shape would have $48$ free numbers a layer; the kernel has $3$. Few
# connections, and the same weights everywhere: notebook [Why convolution](04_why_convolution.ipynb)
# measures what that is worth.
#
# The result is $m$ vectors of length $n-k+1$, one a kernel. In the picture each output stands below the
# first sample of its window.

# %% [markdown] lang="es"
# En cada fila solo $k$ de las $n$ entradas pueden ser distintas de cero, y todas las filas repiten los
# mismos $k$ números. Una matriz completa de esta forma tendría $48$ números libres por capa; el núcleo
# tiene $3$. Pocas conexiones, y los mismos pesos en todas partes: el cuaderno
# [Por qué la convolución](04_why_convolution.ipynb) mide cuánto vale eso.
#
# El resultado son $m$ vectores de longitud $n-k+1$, uno por núcleo. En la figura, cada salida está
# debajo de la primera muestra de su ventana.

# %% [markdown] lang="pt"
# Em cada linha só $k$ das $n$ entradas podem ser diferentes de zero, e todas as linhas repetem os mesmos
# $k$ números. Uma matriz cheia dessa forma teria $48$ números livres por camada; o kernel tem $3$.
# Poucas conexões, e os mesmos pesos em toda parte: o caderno
# [Por que a convolução](04_why_convolution.ipynb) mede quanto isso vale.
#
# O resultado são $m$ vetores de comprimento $n-k+1$, um por kernel. Na figura, cada saída está embaixo
# da primeira amostra de sua janela.

# %% tags=["hide-input"]
table = np.full((m + 1, n), np.nan)
table[0] = x
table[1:, : n - k + 1] = vectors
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
cells(axes, table, 15)
axes.set_yticks(
    range(m + 1), [_("signal"), *(_("kernel {}").format(index + 1) for index in range(m))]
)
axes.tick_params(length=0)
axes.spines[:].set_visible(False)
axes.axhline(0.5, color="black", lw=1)
show(
    figure,
    alt=_(
        "The signal in the first row, and below it the three vectors that the kernels make of it, each "
        "two samples shorter than the signal."
    ),
)

# %% [markdown] lang="en"
# The matrix explains what happens; `conv1d` gives the same without building it. Both libraries agree on
# the matrix, on its zeros, and on both ways to the result.

# %% [markdown] lang="es"
# La matriz explica lo que ocurre; `conv1d` da lo mismo sin construirla. Las dos bibliotecas coinciden en
# la matriz, en sus ceros y en los dos caminos hacia el resultado.

# %% [markdown] lang="pt"
# A matriz explica o que acontece; `conv1d` dá o mesmo sem construí-la. As duas bibliotecas concordam na
# matriz, em seus zeros e nos dois caminhos até o resultado.

# %%
print(
    assert_agree(
        jax={
            "layers": layers,
            _("largest entry off the band"): abs(layers * ~band).max(),
            "layers @ x": vectors,
            "conv1d(x, kernels)": conv1d(x[None], kernels[:, None]),
        },
        torch={
            "layers": layers_t,
            _("largest entry off the band"): (layers_t * ~band_t).abs().max(),
            "layers @ x": vectors_t,
            "conv1d(x, kernels)": F.conv1d(x_t[None], kernels_t[:, None]),
        },
    )
)

# %% [markdown] lang="en"
# ## Which way round the kernel lies
#
# A book on signal processing defines convolution with a minus sign in the index:
#
# $$(x * w)_i = \sum_{t} w_t \, x_{i-t}$$
#
# There the kernel lies the other way round: its first weight meets the latest sample. The sum above,
# without the flip, is called *cross-correlation* in such a book, and it is what deep learning computes
# under the name of convolution. A network learns its weights, and would learn the flipped ones just as
# well. The difference shows when you bring a kernel from elsewhere: `np.convolve` does flip.

# %% [markdown] lang="es"
# ## Hacia qué lado mira el núcleo
#
# Un libro de procesamiento de señales define la convolución con un signo menos en el índice:
#
# $$(x * w)_i = \sum_{t} w_t \, x_{i-t}$$
#
# Allí el núcleo está al revés: su primer peso se encuentra con la muestra más reciente. La suma de más
# arriba, sin inversión, se llama *correlación cruzada* en un libro así, y es lo que el aprendizaje
# profundo calcula con el nombre de convolución. Una red aprende sus pesos, y aprendería igual de bien los
# invertidos. La diferencia se nota cuando traes un núcleo de otra parte: `np.convolve` sí invierte.

# %% [markdown] lang="pt"
# ## Para que lado o kernel olha
#
# Um livro de processamento de sinais define a convolução com um sinal de menos no índice:
#
# $$(x * w)_i = \sum_{t} w_t \, x_{i-t}$$
#
# Ali o kernel está ao contrário: seu primeiro peso encontra a amostra mais recente. A soma mais acima,
# sem inversão, chama-se *correlação cruzada* em um livro assim, e é o que o aprendizado profundo calcula
# com o nome de convolução. Uma rede aprende seus pesos, e aprenderia igualmente bem os invertidos. A
# diferença aparece quando você traz um kernel de outro lugar: o `np.convolve` inverte.

# %%
w = kernels[0]
textbook = np.convolve(x, w, mode="valid")
as_it_is = conv1d(x[None], w[None, None])[0]
flipped = conv1d(x[None], w[None, None, ::-1])[0]

print("np.convolve      ", textbook)
print("conv1d           ", as_it_is)
print("conv1d, w[::-1]  ", flipped)

# %%
w_t = kernels_t[0]
as_it_is_t = F.conv1d(x_t[None], w_t[None, None])[0]
flipped_t = F.conv1d(x_t[None], w_t.flip(0)[None, None])[0]

print("F.conv1d            ", as_it_is_t)
print("F.conv1d, w.flip(0) ", flipped_t)

# %%
print(
    assert_agree(
        jax={"conv1d": as_it_is, "conv1d, flipped": flipped, "np.convolve": textbook},
        torch={"conv1d": as_it_is_t, "conv1d, flipped": flipped_t, "np.convolve": flipped_t},
    )
)

# %% [markdown] lang="en"
# ## A signal has channels
#
# A signal is a function. To every point of its domain $\Omega = \{1, 2, 3, \ldots\}$, here the moments
# at which a sound was measured, it gives $c$ numbers:
#
# $$x : \Omega \rightarrow \mathbb{R}^{c}$$
#
# With $c=1$, a single microphone, it is *monophonic*; with $c=2$, one for each ear, *stereophonic*. In a
# program it is an array of shape $(c, n)$. So let us write sounds as functions of time, and measure them
# `RATE` times a second: a plucked string, and two of them, the lower one on the left.

# %% [markdown] lang="es"
# ## Una señal tiene canales
#
# Una señal es una función. A cada punto de su dominio $\Omega = \{1, 2, 3, \ldots\}$, aquí los momentos
# en que se midió un sonido, le asigna $c$ números:
#
# $$x : \Omega \rightarrow \mathbb{R}^{c}$$
#
# Con $c=1$, un solo micrófono, es *monofónica*; con $c=2$, uno para cada oído, *estereofónica*. En un
# programa es un arreglo de forma $(c, n)$. Escribamos entonces sonidos como funciones del tiempo y
# midámoslos `RATE` veces por segundo: una cuerda pulsada, y dos de ellas, la más grave a la izquierda.

# %% [markdown] lang="pt"
# ## Um sinal tem canais
#
# Um sinal é uma função. A cada ponto de seu domínio $\Omega = \{1, 2, 3, \ldots\}$, aqui os momentos em
# que um som foi medido, ele dá $c$ números:
#
# $$x : \Omega \rightarrow \mathbb{R}^{c}$$
#
# Com $c=1$, um só microfone, ele é *monofônico*; com $c=2$, um para cada ouvido, *estereofônico*. Em um
# programa é um array de forma $(c, n)$. Vamos então escrever sons como funções do tempo e medi-los
# `RATE` vezes por segundo: uma corda dedilhada, e duas delas, a mais grave à esquerda.

# %%
RATE = 4000  # samples a second
time = np.arange(4000, dtype=np.float32) / RATE


def string(t, hertz, decay):
    return 0.5 * jnp.sin(2 * jnp.pi * hertz * t) * jnp.exp(-decay * t)


@jax.jit
def sounds(t):
    return string(t, 440, 4)[None], jnp.stack([string(t, 330, 12), string(t, 495, 12)])


mono, stereo = sounds(time)
print(mono.shape, stereo.shape)


# %%
def string_t(t, hertz, decay):
    return 0.5 * torch.sin(2 * torch.pi * hertz * t) * torch.exp(-decay * t)


t = torch.tensor(time)
mono_t = string_t(t, 440, 4)[None]
stereo_t = torch.stack([string_t(t, 330, 12), string_t(t, 495, 12)])
print(mono_t.shape, stereo_t.shape)

# %% tags=["hide-input"]
rows = [
    (_("mono"), mono[0], "#0072B2"),
    (_("stereo, left"), stereo[0], "#009E73"),
    (_("stereo, right"), stereo[1], "#D55E00"),
]
figure, every = plt.subplots(3, 1, figsize=(7, 3.8), sharex=True, sharey=True, layout="constrained")
for axes, (title, samples, colour) in zip(every, rows, strict=True):
    first = np.asarray(samples)[:50]
    axes.axhline(0, color="grey", lw=1, antialiased=False)
    axes.vlines(1000 * time[:50], 0, first, color=colour, lw=1, antialiased=False)
    axes.plot(1000 * time[:50], first, "s", color=colour, ms=3, antialiased=False)
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
every[1].set_ylabel(_("amplitude"))
every[2].set_xlabel(_("time (ms)"))
every[1].set_yticks([-0.5, 0, 0.5])
show(
    figure,
    alt=_(
        "The first 50 samples of the three channels as dots on stems: waves of three different lengths, "
        "the one in the right channel shortest."
    ),
)

# %%
display(Markdown(_("Mono:")), Audio(np.asarray(mono[0]), rate=RATE, normalize=False))
display(Markdown(_("Stereo:")), Audio(np.asarray(stereo), rate=RATE, normalize=False))

# %% [markdown] lang="en"
# Now a convolution to hear. A kernel for a stereo signal has *thickness* two: it takes in both channels.
# And to get two channels out, we need two kernels, so `echo` has the shape $(2, 2, 3)$: output channels,
# input channels, length. Each ear gets its own sound now, a little of what the other ear heard $800$
# samples ago, and still less of its own from $1600$ samples ago. For three weights that lie so far apart
# there is `dilation`. The kernel is not flipped, so its *last* weight is the one for now, and the others
# look back; that is why the silence is padded on the left only.

# %% [markdown] lang="es"
# Ahora, una convolución para oír. Un núcleo para una señal estéreo tiene *grosor* dos: abarca ambos
# canales. Y para obtener dos canales hacen falta dos núcleos, así que `echo` tiene la forma $(2, 2, 3)$:
# canales de salida, canales de entrada, longitud. Cada oído recibe su propio sonido de ahora, un poco de
# lo que el otro oyó hace $800$ muestras, y aún menos de lo suyo de hace $1600$ muestras. Para tres pesos
# tan separados está `dilation`. El núcleo no se invierte, así que su *último* peso es el de ahora, y los
# otros miran hacia atrás; por eso el silencio se agrega solo a la izquierda.

# %% [markdown] lang="pt"
# Agora, uma convolução para ouvir. Um kernel para um sinal estéreo tem *espessura* dois: ele abrange os
# dois canais. E para obter dois canais são necessários dois kernels, então `echo` tem a forma
# $(2, 2, 3)$: canais de saída, canais de entrada, comprimento. Cada ouvido recebe seu próprio som de
# agora, um pouco do que o outro ouviu há $800$ amostras, e menos ainda do seu de há $1600$ amostras. Para
# três pesos tão distantes existe `dilation`. O kernel não é invertido, então seu *último* peso é o de
# agora, e os outros olham para trás; por isso o silêncio é acrescentado só à esquerda.

# %%
DELAY = 800  # samples: 0.2 s
echo = np.zeros((2, 2, 3), np.float32)
echo[0, 0] = echo[1, 1] = [0.24, 0, 1]  # from an ear to itself: two delays ago, and now
echo[1, 0, 1] = 0.6  # from left to right
echo[0, 1, 1] = 0.4  # from right to left

echoed = conv1d(conv.pad(stereo, (2 * DELAY, 0)), echo, dilation=DELAY)
display(Markdown(_("Stereo with an echo:")), Audio(np.asarray(echoed), rate=RATE, normalize=False))

# %%
echoed_t = F.conv1d(F.pad(stereo_t, (2 * DELAY, 0)), torch.tensor(echo), dilation=DELAY)
print(echoed_t.shape)

# %%
print(
    assert_agree(
        jax={"mono": mono, "stereo": stereo, "echoed": echoed},
        torch={"mono": mono_t, "stereo": stereo_t, "echoed": echoed_t},
    )
)

# %% [markdown] lang="en"
# ## A sample is a scalar product
#
# Look at a single output sample. The kernel $w_o$ has $c$ channels and $k$ weights in each; it lies on a
# window of the signal that is just as thick and as long. All pairs are multiplied, and everything is
# added up: a scalar product of two small arrays,
#
# $$y_{o,i} = \sum_{j=1}^{c} \sum_{t=1}^{k} w_{o,j,t} \, x_{j,i+t-1}$$
#
# We can take it channel by channel, which gives $c$ numbers, and add those. The function
# `conv.scalar_products` computes a convolution in just this way, one window after the other.

# %% [markdown] lang="es"
# ## Una muestra es un producto escalar
#
# Mira una sola muestra de la salida. El núcleo $w_o$ tiene $c$ canales, con $k$ pesos en cada uno; está
# sobre una ventana de la señal, igual de gruesa e igual de larga. Se multiplican todos los pares y se
# suma todo: un producto escalar de dos arreglos pequeños,
#
# $$y_{o,i} = \sum_{j=1}^{c} \sum_{t=1}^{k} w_{o,j,t} \, x_{j,i+t-1}$$
#
# Podemos tomarlo canal por canal, lo que da $c$ números, y sumarlos. La función `conv.scalar_products`
# calcula una convolución justo así, una ventana tras otra.

# %% [markdown] lang="pt"
# ## Uma amostra é um produto escalar
#
# Olhe uma só amostra da saída. O kernel $w_o$ tem $c$ canais, com $k$ pesos em cada um; ele fica sobre
# uma janela do sinal, igualmente espessa e igualmente longa. Todos os pares são multiplicados e tudo é
# somado: um produto escalar de dois arrays pequenos,
#
# $$y_{o,i} = \sum_{j=1}^{c} \sum_{t=1}^{k} w_{o,j,t} \, x_{j,i+t-1}$$
#
# Podemos tomá-lo canal por canal, o que dá $c$ números, e somá-los. A função `conv.scalar_products`
# calcula uma convolução exatamente assim, uma janela após a outra.

# %%
x = np.float32([[0, 1, 3, 2, 2, -1, 0, 1], [2, 0, -1, 1, 3, 1, 1, 0]])  # (c, n)
kernels = np.float32([[[1, 2, 3], [0, 2, -1]], [[-1, 0, 1], [1, 1, 0]]])  # (m, c, k)
AT = 2  # the third window

window = x[:, AT : AT + 3]
print((kernels[0] * window).sum(1), (kernels[0] * window).sum())

products = jax.jit(conv.scalar_products)
channels = jnp.stack([products(x[[j]], kernels[:, [j]]) for j in range(2)])
y = products(x, kernels)
print(y)

# %%
x_t, kernels_t = torch.tensor(x), torch.tensor(kernels)
windows_t = x_t.unfold(1, 3, 1)  # (c, n - k + 1, k)

channels_t = torch.einsum("ojt,jit->joi", kernels_t, windows_t)
y_t = torch.stack(
    [
        torch.stack([torch.dot(w.flatten(), windows_t[:, i].flatten()) for i in range(6)])
        for w in kernels_t
    ]
)
print(y_t)

# %% tags=["hide-input"]
panels = [
    (_("signal: {} channels").format(2), x, 0, 3),
    (_("kernel 1, at one window"), np.full((2, 8), np.nan), 0, 3),
    (_("products, channel by channel"), np.full((2, 8), np.nan), 0, 1),
    (_("their sum: the output"), np.full((1, 8), np.nan), 0, 1),
]
panels[1][1][:, AT : AT + 3] = kernels[0]
panels[2][1][:, :6] = channels[:, 0]
panels[3][1][:, :6] = y[0]
figure, every = plt.subplots(2, 2, figsize=(7, 2.9), layout="constrained")
for axes, (title, values, top, width) in zip(every.T.flat, panels, strict=True):
    cells(axes, values, 15)
    axes.spines[:].set_visible(False)
    axes.set_title(title, loc="left", fontsize=12)
    size = (width, len(values))
    axes.add_patch(
        plt.Rectangle((AT - 0.5, top - 0.5), *size, fill=False, ec="#D55E00", lw=2.5, clip_on=False)
    )
show(
    figure,
    alt=_(
        "On the left the stereo signal, with a frame around three samples of both channels, and the "
        "kernel below the frame. On the right the scalar products of each channel with the kernel, "
        "13 and -1 in the frame, and below them their sum, 12."
    ),
)

# %%
print(
    assert_agree(
        jax={
            _("channel by channel"): channels,
            _("their sum"): channels.sum(0),
            _("scalar products"): y,
            "conv1d": conv1d(x, kernels),
        },
        torch={
            _("channel by channel"): channels_t,
            _("their sum"): channels_t.sum(0),
            _("scalar products"): y_t,
            "conv1d": F.conv1d(x_t, kernels_t),
        },
    )
)

# %% [markdown] lang="en"
# ## The documentation at hand
#
# In a network a convolution comes as a layer that owns its kernels: `conv.Conv1d`. You need not remember
# its arguments. Type `conv.Conv1d?` into a cell and run it; you see the signature and an explanation of
# every argument. They are those of `torch.nn.Conv1d`, in the same order:
#
# | argument | meaning |
# |---|---|
# | `in_channels` | channels of the input, that is, the thickness of the kernels |
# | `out_channels` | channels of the output, that is, the number of kernels |
# | `kernel_size` | length of the kernels, in samples |
# | `stride` | step from one window to the next |
# | `padding` | samples added at both ends of the signal |
# | `dilation` | distance between neighbouring weights of a kernel |
# | `groups` | groups of channels that are convolved apart from each other |
# | `bias` | whether a learned number is added to each output channel |
# | `padding_mode` | what is added at the ends |
#
# The two lines below leave out what says where and how the weights are made: `rngs`, since JAX wants to
# know where random numbers come from; PyTorch's `device`; and `dtype`.

# %% [markdown] lang="es"
# ## La documentación a mano
#
# En una red, una convolución viene como una capa que posee sus núcleos: `conv.Conv1d`. No hace falta que
# recuerdes sus argumentos. Escribe `conv.Conv1d?` en una celda y ejecútala; verás la firma y una
# explicación de cada argumento. Son los de `torch.nn.Conv1d`, en el mismo orden:
#
# | argumento | significado |
# |---|---|
# | `in_channels` | canales de la entrada, es decir, el grosor de los núcleos |
# | `out_channels` | canales de la salida, es decir, el número de núcleos |
# | `kernel_size` | longitud de los núcleos, en muestras |
# | `stride` | paso de una ventana a la siguiente |
# | `padding` | muestras que se agregan en ambos extremos de la señal (relleno) |
# | `dilation` | distancia entre pesos vecinos de un núcleo |
# | `groups` | grupos de canales que se tratan por separado |
# | `bias` | si se suma un número aprendido a cada canal de salida (sesgo) |
# | `padding_mode` | qué se agrega en los extremos |
#
# Las dos líneas de abajo omiten lo que dice dónde y cómo se crean los pesos: `rngs`, porque JAX quiere
# saber de dónde vienen los números aleatorios; `device`, de PyTorch; y `dtype`.

# %% [markdown] lang="pt"
# ## A documentação à mão
#
# Em uma rede, uma convolução vem como uma camada que possui seus kernels: `conv.Conv1d`. Você não precisa
# lembrar seus argumentos. Escreva `conv.Conv1d?` em uma célula e execute-a; você verá a assinatura e uma
# explicação de cada argumento. São os de `torch.nn.Conv1d`, na mesma ordem:
#
# | argumento | significado |
# |---|---|
# | `in_channels` | canais da entrada, ou seja, a espessura dos kernels |
# | `out_channels` | canais da saída, ou seja, o número de kernels |
# | `kernel_size` | comprimento dos kernels, em amostras |
# | `stride` | passo de uma janela até a próxima |
# | `padding` | amostras acrescentadas nas duas pontas do sinal (preenchimento) |
# | `dilation` | distância entre pesos vizinhos de um kernel |
# | `groups` | grupos de canais tratados separadamente |
# | `bias` | se um número aprendido é somado a cada canal de saída (viés) |
# | `padding_mode` | o que é acrescentado nas pontas |
#
# As duas linhas abaixo omitem o que diz onde e como os pesos são criados: `rngs`, porque o JAX quer saber
# de onde vêm os números aleatórios; `device`, do PyTorch; e `dtype`.


# %%
def signature(layer, without):
    return ", ".join(
        name if p.default is p.empty else f"{name}={p.default!r}"
        for name, p in inspect.signature(layer).parameters.items()
        if name not in without
    )


arguments = signature(conv.Conv1d, without=("dtype", "rngs"))
print(arguments)

# %%
arguments_t = signature(torch.nn.Conv1d, without=("device", "dtype"))
print(arguments_t)

# %% [markdown] lang="en"
# What do the four modes of `padding_mode` add? With the kernel $(100, 10, 1)$ the digits of each result
# are the samples of its window. So look at the signal $(1, 2, 3)$: under `zeros` the first result is $12$,
# the window $(0, 1, 2)$; `circular` puts the last sample before the first one.

# %% [markdown] lang="es"
# ¿Qué agregan los cuatro modos de `padding_mode`? Con el núcleo $(100, 10, 1)$, las cifras de cada
# resultado son las muestras de su ventana. Mira entonces la señal $(1, 2, 3)$: con `zeros` el primer
# resultado es $12$, la ventana $(0, 1, 2)$; `circular` pone la última muestra delante de la primera.

# %% [markdown] lang="pt"
# O que os quatro modos de `padding_mode` acrescentam? Com o kernel $(100, 10, 1)$, os algarismos de cada
# resultado são as amostras de sua janela. Olhe então o sinal $(1, 2, 3)$: com `zeros` o primeiro
# resultado é $12$, a janela $(0, 1, 2)$; `circular` põe a última amostra antes da primeira.

# %%
MODES = ("zeros", "reflect", "replicate", "circular")
short = np.float32([[1, 2, 3]])
digits = np.float32([[[100, 10, 1]]])

padded = {}
for mode in MODES:
    layer = conv.Conv1d(1, 1, 3, padding=1, bias=False, padding_mode=mode, rngs=nnx.Rngs(0))
    layer.weight[...] = jnp.asarray(digits)
    padded[mode] = layer(short)[0]
    print(f"{mode:10}", padded[mode])

# %%
padded_t = {}
for mode in MODES:
    layer_t = torch.nn.Conv1d(1, 1, 3, padding=1, bias=False, padding_mode=mode)
    layer_t.load_state_dict({"weight": torch.tensor(digits)})
    padded_t[mode] = layer_t(torch.tensor(short))[0].detach()
    print(f"{mode:10}", padded_t[mode])

# %%
print(
    assert_agree(
        jax={_("arguments"): arguments} | padded, torch={_("arguments"): arguments_t} | padded_t
    )
)

# %% [markdown] lang="en"
# ## What goes in, what comes out
#
# A layer from $2$ channels to $16$ with kernels of length $3$: its weight holds $16$ kernels, each of
# thickness $2$. Its bias holds one number a kernel. Layers take signals in *batches*, so the input has
# one more dimension in front. One stereo signal of $64$ samples becomes $16$ channels of $62$ samples,
# since $64-3+1=62$; with kernels of length $5$ there are $60$. With padding $p$, dilation $d$ and stride
# $s$ the length is
#
# $$\left\lfloor \frac{n+2p-d(k-1)-1}{s} \right\rfloor + 1$$
#
# To compare numbers, and not only shapes, PyTorch's layer gets the weights of ours.

# %% [markdown] lang="es"
# ## Qué entra y qué sale
#
# Una capa de $2$ canales a $16$ con núcleos de longitud $3$: su peso contiene $16$ núcleos, cada uno de
# grosor $2$. Su sesgo contiene un número por núcleo. Las capas reciben las señales en *lotes*, así que la
# entrada tiene una dimensión más delante. Una señal estéreo de $64$ muestras se convierte en $16$ canales
# de $62$ muestras, pues $64-3+1=62$; con núcleos de longitud $5$ son $60$. Con relleno $p$, dilatación
# $d$ y paso $s$ la longitud es
#
# $$\left\lfloor \frac{n+2p-d(k-1)-1}{s} \right\rfloor + 1$$
#
# Para comparar números, y no solo formas, la capa de PyTorch recibe los pesos de la nuestra.

# %% [markdown] lang="pt"
# ## O que entra e o que sai
#
# Uma camada de $2$ canais para $16$ com kernels de comprimento $3$: seu peso contém $16$ kernels, cada um
# de espessura $2$. Seu viés contém um número por kernel. As camadas recebem os sinais em *lotes*, então a
# entrada tem uma dimensão a mais na frente. Um sinal estéreo de $64$ amostras se torna $16$ canais de
# $62$ amostras, pois $64-3+1=62$; com kernels de comprimento $5$ são $60$. Com preenchimento $p$,
# dilatação $d$ e passo $s$ o comprimento é
#
# $$\left\lfloor \frac{n+2p-d(k-1)-1}{s} \right\rfloor + 1$$
#
# Para comparar números, e não só formas, a camada do PyTorch recebe os pesos da nossa.

# %%
rng = np.random.default_rng(0)
x = rng.random((1, 2, 64), np.float32)

three = conv.Conv1d(2, 16, 3, rngs=nnx.Rngs(3))
five = conv.Conv1d(2, 16, 5, rngs=nnx.Rngs(5))
y3, y5 = nnx.jit(three)(x), nnx.jit(five)(x)

print(three.weight.shape, three.bias.shape, y3.shape)
print(five.weight.shape, five.bias.shape, y5.shape)


# %%
def with_weights_of(layer, layer_t):
    state = {"weight": np.array(layer.weight[...]), "bias": np.array(layer.bias[...])}
    layer_t.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return layer_t


x_t = torch.tensor(x)
three_t = with_weights_of(three, torch.nn.Conv1d(2, 16, 3))
five_t = with_weights_of(five, torch.nn.Conv1d(2, 16, 5))
with torch.no_grad():
    y3_t, y5_t = three_t(x_t), five_t(x_t)

print(three_t.weight.shape, three_t.bias.shape, y3_t.shape)
print(five_t.weight.shape, five_t.bias.shape, y5_t.shape)

# %%
print(
    assert_agree(
        jax={
            _("shape of the weight"): three.weight.shape,
            _("shape of the bias"): three.bias.shape,
            _("output for length 3"): y3,
            _("output for length 5"): y5,
        },
        torch={
            _("shape of the weight"): three_t.weight.shape,
            _("shape of the bias"): three_t.bias.shape,
            _("output for length 3"): y3_t,
            _("output for length 5"): y5_t,
        },
    )
)

# %% [markdown] lang="en"
# ## A motif in a melody
#
# A scalar product is large where two things look alike. So a kernel that is itself a piece of sound
# should find that piece. We play the beginning of *Frère Jacques* from a list of notes, each with its
# pitch in semitones and its length in beats, and add noise. The motif is the three notes of
# "Dormez-vous?", and it comes twice.

# %% [markdown] lang="es"
# ## Un motivo en una melodía
#
# Un producto escalar es grande donde dos cosas se parecen. Así que un núcleo que es él mismo un trozo de
# sonido debería encontrar ese trozo. Tocamos el comienzo de *Frère Jacques* a partir de una lista de
# notas, cada una con su altura en semitonos y su duración en tiempos, y le añadimos ruido. El motivo son
# las tres notas de "Dormez-vous?", y aparece dos veces.

# %% [markdown] lang="pt"
# ## Um motivo em uma melodia
#
# Um produto escalar é grande onde duas coisas se parecem. Então um kernel que é ele próprio um pedaço de
# som deveria encontrar esse pedaço. Tocamos o começo de *Frère Jacques* a partir de uma lista de notas,
# cada uma com sua altura em semitons e sua duração em tempos, e somamos ruído. O motivo são as três notas
# de "Dormez-vous?", e ele aparece duas vezes.

# %%
BEAT = 600  # samples


def note(pitch, beats):
    t = np.arange(beats * BEAT) / RATE  # seconds
    phase = 2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * t
    loud = np.minimum(1, 100 * t) * np.exp(-3 * t / t[-1])
    return 0.6 * loud * (np.sin(phase) + 0.4 * np.sin(2 * phase))


def play(notes):
    return np.concatenate([note(pitch, beats) for pitch, beats in notes]).astype(np.float32)


FRERE = [(60, 1), (62, 1), (64, 1), (60, 1)]
DORMEZ = [(64, 1), (65, 1), (67, 2)]
DIN_DAN_DON = [(60, 1), (55, 1), (60, 2)]

clean = play(2 * FRERE + 2 * DORMEZ + DIN_DAN_DON)
melody = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.size, np.float32)
motif = play(DORMEZ)
display(Markdown(_("The melody, with noise:")), Audio(melody, rate=RATE, normalize=False))

# %% [markdown] lang="en"
# We divide the motif $s$ by its squared length, $w = s / \langle s, s \rangle$. On the motif itself the
# response is then $1$, and no other window of the same loudness comes as high: this is the inequality of
# Cauchy and Schwarz. Engineers call such a kernel a *matched filter*, and it finds its signal in a lot of
# noise, since the noise in the sum averages out.

# %% [markdown] lang="es"
# Dividimos el motivo $s$ entre el cuadrado de su norma, $w = s / \langle s, s \rangle$. Sobre el propio
# motivo la respuesta es entonces $1$, y ninguna otra ventana igual de intensa llega tan alto: es la
# desigualdad de Cauchy y Schwarz. En ingeniería, un núcleo así se llama *filtro adaptado*, y encuentra su
# señal entre mucho ruido, pues el ruido se compensa en la suma.

# %% [markdown] lang="pt"
# Dividimos o motivo $s$ pelo quadrado de sua norma, $w = s / \langle s, s \rangle$. Sobre o próprio
# motivo a resposta é então $1$, e nenhuma outra janela igualmente intensa chega tão alto: é a
# desigualdade de Cauchy e Schwarz. Na engenharia, um kernel assim se chama *filtro casado*, e ele
# encontra seu sinal no meio de muito ruído, pois o ruído se compensa na soma.

# %%
w = motif / np.dot(motif, motif)
response = conv1d(melody[None], w[None, None])[0]

places = find_peaks(np.asarray(response), height=0.8, distance=RATE // 10)[0]
print(_("found at (s):"), places / RATE)

# %%
response_t = F.conv1d(torch.tensor(melody)[None], torch.tensor(w)[None, None])[0]

places_t = find_peaks(response_t.numpy(), height=0.8, distance=RATE // 10)[0]
print(_("found at (s):"), places_t / RATE)

# %% tags=["hide-input"]
figure, (upper, lower) = plt.subplots(2, 1, figsize=(7, 4), sharex=True, layout="constrained")
upper.plot(np.arange(melody.size) / RATE, melody, color="#0072B2", lw=0.5, antialiased=False)
for place in places:
    span = (place / RATE, (place + motif.size) / RATE)
    upper.axvspan(*span, color="#E69F00", alpha=0.3, ec="black", lw=1)
upper.set_ylabel(_("amplitude"))
upper.set_title(_("melody, the motif marked where it was found"), loc="left", fontsize=12)
lower.plot(np.arange(response.size) / RATE, response, color="#0072B2", lw=0.5, antialiased=False)
lower.plot(places / RATE, response[places], "v", color="#D55E00", ms=9)
lower.set_ylabel(_("response"))
lower.set_title(_("response of the kernel, by the start of the window"), loc="left", fontsize=12)
lower.set_xlabel(_("time (s)"))
lower.set_ylim(-1.1, 1.3)
show(
    figure,
    alt=_(
        "Above the noisy melody, with two neighbouring stretches marked. Below the response: two peaks of "
        "height 1, at the beginnings of these stretches, and much less away from them."
    ),
)

# %% [markdown] lang="en"
# One kernel found both places: a motif that comes later gives the same response, later. That is what
# shared weights are for. A flipped kernel would have looked for the motif played backwards.

# %% [markdown] lang="es"
# Un solo núcleo encontró ambos lugares: un motivo que llega más tarde da la misma respuesta, más tarde.
# Para eso sirven los pesos compartidos. Un núcleo invertido habría buscado el motivo tocado al revés.

# %% [markdown] lang="pt"
# Um só kernel encontrou os dois lugares: um motivo que chega mais tarde dá a mesma resposta, mais tarde.
# É para isso que servem os pesos compartilhados. Um kernel invertido teria procurado o motivo tocado de
# trás para frente.

# %%
print(
    assert_agree(
        jax={
            _("response"): response,
            _("at the motif"): response[places],
            _("found at (s)"): places / RATE,
        },
        torch={
            _("response"): response_t,
            _("at the motif"): response_t[places_t],
            _("found at (s)"): places_t / RATE,
        },
    )
)

# %% [markdown] lang="en"
# ## Images
#
# The domain of an image has two dimensions, and so has the path on which a kernel slides. Take an image
# with $20$ channels, as cameras make them that see far more than three colours, $64$ pixels high and
# $128$ wide, and $16$ kernels of $3$ by $5$ pixels. All kernels together now need four dimensions: output
# channels, input channels, height, width. The output has $62$ by $124$ pixels.
#
# To keep the size, pad with what the kernel takes away: $1$ row above and below, $2$ columns left and
# right. That is `padding=(1, 2)`, with `stride=1`.

# %% [markdown] lang="es"
# ## Imágenes
#
# El dominio de una imagen tiene dos dimensiones, y también el camino por el que se desliza un núcleo.
# Toma una imagen de $20$ canales, como las hacen las cámaras que ven mucho más que tres colores, de $64$
# píxeles de alto y $128$ de ancho, y $16$ núcleos de $3$ por $5$ píxeles. Todos los núcleos juntos
# necesitan ahora cuatro dimensiones: canales de salida, canales de entrada, alto, ancho. La salida tiene
# $62$ por $124$ píxeles.
#
# Para conservar el tamaño, rellena con lo que el núcleo quita: $1$ fila arriba y abajo, $2$ columnas a la
# izquierda y a la derecha. Eso es `padding=(1, 2)`, con `stride=1`.

# %% [markdown] lang="pt"
# ## Imagens
#
# O domínio de uma imagem tem duas dimensões, e também o caminho por onde um kernel desliza. Pegue uma
# imagem de $20$ canais, como as que fazem as câmeras que veem muito mais do que três cores, com $64$
# pixels de altura e $128$ de largura, e $16$ kernels de $3$ por $5$ pixels. Todos os kernels juntos
# precisam agora de quatro dimensões: canais de saída, canais de entrada, altura, largura. A saída tem
# $62$ por $124$ pixels.
#
# Para manter o tamanho, preencha com o que o kernel tira: $1$ linha acima e abaixo, $2$ colunas à
# esquerda e à direita. Isso é `padding=(1, 2)`, com `stride=1`.

# %%
x = rng.random((1, 20, 64, 128), np.float32)

plain = conv.Conv2d(20, 16, (3, 5), rngs=nnx.Rngs(0))
keeping = conv.Conv2d(20, 16, (3, 5), stride=1, padding=(1, 2), rngs=nnx.Rngs(1))
y, same = nnx.jit(plain)(x), nnx.jit(keeping)(x)

print(plain.weight.shape, y.shape, same.shape)

# %%
x_t = torch.tensor(x)
plain_t = with_weights_of(plain, torch.nn.Conv2d(20, 16, (3, 5)))
keeping_t = with_weights_of(keeping, torch.nn.Conv2d(20, 16, (3, 5), stride=1, padding=(1, 2)))
with torch.no_grad():
    y_t, same_t = plain_t(x_t), keeping_t(x_t)

print(plain_t.weight.shape, y_t.shape, same_t.shape)

# %%
print(
    assert_agree(
        jax={
            _("shape of the weight"): plain.weight.shape,
            _("output without padding"): y,
            _("output with padding"): same,
        },
        torch={
            _("shape of the weight"): plain_t.weight.shape,
            _("output without padding"): y_t,
            _("output with padding"): same_t,
        },
    )
)

# %% [markdown] lang="en"
# ## Blur, sharpen, find edges
#
# What can a single kernel do to a photograph? We take a small picture: a crop of a photo, averaged over
# blocks of pixels. A kernel of $1$ by $1$ pixel and thickness $3$ makes it grey, by mixing the three
# colours. Then four kernels of $5$ by $5$ pixels look at it, all built from two short vectors: `a` is a
# bell, an average with most weight in the middle; `d` is a slope, right minus left.
#
# - blur: the outer product of `a` and `a`, an average over the neighbourhood;
# - sharpen: the picture plus one and a half times its difference from the blurred one, that is, what
#   the blur took away;
# - edges: `d` along one direction, `a` along the other. It gives zero where the picture is flat.

# %% [markdown] lang="es"
# ## Difuminar, dar nitidez, hallar bordes
#
# ¿Qué puede hacerle un solo núcleo a una fotografía? Tomamos una imagen pequeña: un recorte de una foto,
# promediado por bloques de píxeles. Un núcleo de $1$ por $1$ píxel y grosor $3$ la vuelve gris, al mezclar
# los tres colores. Después la miran cuatro núcleos de $5$ por $5$ píxeles, todos hechos con dos vectores
# cortos: `a` es una campana, un promedio con más peso en el centro; `d` es una pendiente, derecha menos
# izquierda.
#
# - difuminar: el producto exterior de `a` y `a`, un promedio del entorno;
# - dar nitidez: la imagen más una vez y media su diferencia con la difuminada, es decir, lo que el
#   difuminado quitó;
# - bordes: `d` en una dirección, `a` en la otra. Da cero donde la imagen es uniforme.

# %% [markdown] lang="pt"
# ## Desfocar, dar nitidez, achar bordas
#
# O que um só kernel pode fazer com uma fotografia? Pegamos uma imagem pequena: um recorte de uma foto, com
# médias por blocos de pixels. Um kernel de $1$ por $1$ pixel e espessura $3$ a torna cinza, ao misturar as
# três cores. Depois, quatro kernels de $5$ por $5$ pixels olham para ela, todos feitos de dois vetores
# curtos: `a` é um sino, uma média com mais peso no meio; `d` é uma inclinação, direita menos esquerda.
#
# - desfocar: o produto externo de `a` e `a`, uma média da vizinhança;
# - dar nitidez: a imagem mais uma vez e meia sua diferença para a desfocada, ou seja, o que o desfoque
#   tirou;
# - bordas: `d` em uma direção, `a` na outra. Dá zero onde a imagem é uniforme.

# %%
photo = load_sample_image("china.jpg")[30:315, 80:460].transpose(2, 0, 1)[None]
photo = np.float32(photo) / 255  # (1, 3, 285, 380)

a = np.float32([1, 4, 6, 4, 1]) / 16
d = np.float32([-1, -2, 0, 2, 1]) / 8
dot = np.zeros((5, 5), np.float32)
dot[2, 2] = 1  # leaves a picture as it is
blur = np.outer(a, a)
filters = np.stack([blur, dot + 1.5 * (dot - blur), np.outer(a, d), np.outer(d, a)])[:, None]
mix = np.float32([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)


@jax.jit
def look(photo):
    small = conv.avg_pool2d(photo, 5)
    grey = conv.conv2d(small, mix)
    return small, conv.conv2d(conv.pad(grey, (2, 2, 2, 2), mode="replicate"), filters)


small, seen = look(photo)
print(small.shape, seen.shape)


# %%
def look_t(photo):
    small = F.avg_pool2d(photo, 5)
    grey = F.conv2d(small, torch.tensor(mix))
    return small, F.conv2d(F.pad(grey, (2, 2, 2, 2), mode="replicate"), torch.tensor(filters))


small_t, seen_t = look_t(torch.tensor(photo))
print(small_t.shape, seen_t.shape)

# %% tags=["hide-input"]
strength = np.hypot(seen[0, 2], seen[0, 3])
panels = [
    (_("photo"), np.asarray(small[0]).transpose(1, 2, 0), 0, 1),
    (_("blurred"), seen[0, 0], 0, 1),
    (_("sharpened"), seen[0, 1], 0, 1),
    (_("edges, left to right"), seen[0, 2], -0.5, 0.5),
    (_("edges, top to bottom"), seen[0, 3], -0.5, 0.5),
    (_("strength of both"), -strength, -0.6, 0),
]
figure, every = plt.subplots(2, 3, figsize=(7, 3.7), layout="constrained")
for axes, (title, picture, low, high) in zip(every.flat, panels, strict=True):
    axes.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axes.set_title(title, fontsize=12)
    axes.axis("off")
show(
    figure,
    alt=_(
        "Six pictures of a pagoda above a lake: the photo in colours; grey and blurred; grey and "
        "sharpened; its upright edges, light or dark on grey; its level edges; and the strength of "
        "both as dark lines on white, like a drawing."
    ),
)

# %% [markdown] lang="en"
# The two pictures of edges have a sign: light where it gets brighter on the way, dark where it gets
# darker. The last picture, the length of the vector of both, has none, and looks like a drawing.

# %% [markdown] lang="es"
# Las dos imágenes de bordes tienen signo: claro donde la luz aumenta en el recorrido, oscuro donde
# disminuye. La última imagen, la longitud del vector de ambas, no lo tiene, y parece un dibujo.

# %% [markdown] lang="pt"
# As duas imagens de bordas têm sinal: claro onde a luz aumenta no percurso, escuro onde diminui. A última
# imagem, o comprimento do vetor das duas, não tem, e parece um desenho.

# %%
print(
    assert_agree(
        jax={
            _("photo"): small,
            _("blurred"): seen[0, 0],
            _("sharpened"): seen[0, 1],
            _("edges, left to right"): seen[0, 2],
            _("edges, top to bottom"): seen[0, 3],
        },
        torch={
            _("photo"): small_t,
            _("blurred"): seen_t[0, 0],
            _("sharpened"): seen_t[0, 1],
            _("edges, left to right"): seen_t[0, 2],
            _("edges, top to bottom"): seen_t[0, 3],
        },
    )
)

# %% [markdown] lang="en"
# We chose all these kernels by hand. A network finds its own, by following the gradient of a loss; where
# gradients come from is the matter of [Automatic differentiation](02_automatic_differentiation.ipynb).
#
# Before you go on, try some changes: let `FRERE` be the motif; turn `echo` round in time and listen;
# give `look` a kernel that finds slanted edges.

# %% [markdown] lang="es"
# Todos estos núcleos los elegimos a mano. Una red encuentra los suyos siguiendo el gradiente de una
# pérdida; de dónde vienen los gradientes es el tema de
# [Diferenciación automática](02_automatic_differentiation.ipynb).
#
# Antes de seguir, prueba algunos cambios: haz que `FRERE` sea el motivo; invierte `echo` en el tiempo y
# escucha; dale a `look` un núcleo que encuentre bordes inclinados.

# %% [markdown] lang="pt"
# Todos esses kernels nós escolhemos à mão. Uma rede encontra os seus seguindo o gradiente de uma perda;
# de onde vêm os gradientes é o assunto de
# [Diferenciação automática](02_automatic_differentiation.ipynb).
#
# Antes de continuar, tente algumas mudanças: faça de `FRERE` o motivo; inverta `echo` no tempo e ouça;
# dê a `look` um kernel que encontre bordas inclinadas.
