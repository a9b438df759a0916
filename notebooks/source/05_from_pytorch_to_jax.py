# %% [markdown] lang="en"
# # From PyTorch to JAX: a porter's guide
#
# You have a network in PyTorch, with weights that took a week to train, and you want it in JAX. The code
# looks easy to rewrite: the layers have the same names. But the same name does not mean the same function.
# Here are the traps, the two libraries side by side; then how weights go over, how a whole network does
# without being rewritten, and how to find the layer that is wrong when you do rewrite it.
#
# The other notebooks are [Convolutions](01_convolutions.ipynb),
# [Automatic differentiation](02_automatic_differentiation.ipynb),
# [Functions with a gradient of their own](03_custom_gradients.ipynb) and
# [Why convolution](04_why_convolution.ipynb). You can do without them here.

# %% [markdown] lang="es"
# # De PyTorch a JAX: guía para quien traslada
#
# Tienes una red en PyTorch, con pesos que costaron una semana de entrenamiento, y la quieres en JAX. El
# código parece fácil de reescribir: las capas se llaman igual. Pero el mismo nombre no significa la misma
# función. Aquí están las trampas, con las dos bibliotecas lado a lado; después, cómo pasan los pesos, cómo
# pasa una red entera sin reescribirla, y cómo encontrar la capa equivocada cuando sí la reescribes.
#
# Los otros cuadernos son [Convoluciones](01_convolutions.ipynb),
# [Diferenciación automática](02_automatic_differentiation.ipynb),
# [Funciones con gradiente propio](03_custom_gradients.ipynb) y
# [Por qué la convolución](04_why_convolution.ipynb). Aquí puedes prescindir de ellos.

# %% [markdown] lang="pt"
# # De PyTorch para JAX: guia de quem faz a mudança
#
# Você tem uma rede em PyTorch, com pesos que custaram uma semana de treino, e a quer em JAX. O código
# parece fácil de reescrever: as camadas têm os mesmos nomes. Mas o mesmo nome não quer dizer a mesma
# função. Aqui estão as armadilhas, com as duas bibliotecas lado a lado; depois, como os pesos passam, como
# uma rede inteira passa sem ser reescrita, e como achar a camada errada quando você a reescreve.
#
# Os outros cadernos são [Convoluções](01_convolutions.ipynb),
# [Diferenciação automática](02_automatic_differentiation.ipynb),
# [Funções com gradiente próprio](03_custom_gradients.ipynb) e
# [Por que a convolução](04_why_convolution.ipynb). Aqui você pode dispensá-los.

# %%
import time

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import torch
from flax import nnx

import compare
import conv
import port
from compare import assert_agree
from compare.notebook import show

plt.rcParams.update({"font.size": 11, "axes.spines.top": 0, "axes.spines.right": 0})
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8a91a0"

# %% [markdown] lang="en"
# ## Padding: the same size is not the same place
#
# A convolution with a stride of 2 over 4 samples has 2 outputs, with `"SAME"` in JAX and with `padding=1`
# in PyTorch. JAX looks for the least padding that gives this size: none on the left and 1 on the right.
# PyTorch pads 1 on either side. The kernel stands on other samples, and no shape tells you.

# %% [markdown] lang="es"
# ## Relleno: el mismo tamaño no es el mismo lugar
#
# Una convolución con paso 2 sobre 4 muestras tiene 2 salidas, con `"SAME"` en JAX y con `padding=1` en
# PyTorch. JAX busca el menor relleno que da ese tamaño: nada a la izquierda y 1 a la derecha. PyTorch
# rellena con 1 a cada lado. El núcleo cae sobre otras muestras, y ninguna forma te lo dice.

# %% [markdown] lang="pt"
# ## Preenchimento: o mesmo tamanho não é o mesmo lugar
#
# Uma convolução com passo 2 sobre 4 amostras tem 2 saídas, com `"SAME"` em JAX e com `padding=1` em
# PyTorch. JAX procura o menor preenchimento que dá esse tamanho: nada à esquerda e 1 à direita. PyTorch
# preenche com 1 de cada lado. O kernel cai sobre outras amostras, e nenhuma forma avisa você.

# %%
x, ones = np.float32([[[1, 2, 3, 4]]]), np.ones((1, 1, 3), np.float32)
same = jax.lax.conv_general_dilated(x, ones, (2,), "SAME")
padded = conv.conv1d(x, ones, stride=2, padding=1)
print("lax, 'SAME':           ", same.ravel())
print("conv.conv1d, padding=1:", padded.ravel())

# %%
padded_t = torch.nn.functional.conv1d(torch.tensor(x), torch.tensor(ones), stride=2, padding=1)
padded_t

# %% [markdown] lang="en"
# ## Transposed convolution: the kernel lies the other way round
#
# PyTorch's transposed convolution puts a copy of the kernel under each sample, times that sample, and adds
# the copies up. `lax.conv_transpose` slides the kernel over the stretched signal instead, as a
# cross-correlation does, and so each copy comes out mirrored. A symmetric kernel hides it; so does a random
# one, until you load weights.

# %% [markdown] lang="es"
# ## Convolución transpuesta: el núcleo está del otro lado
#
# La convolución transpuesta de PyTorch pone debajo de cada muestra una copia del núcleo, multiplicada por
# esa muestra, y suma las copias. `lax.conv_transpose`, en cambio, desliza el núcleo por la señal estirada,
# como hace una correlación cruzada, y cada copia sale en espejo. Un núcleo simétrico lo esconde; uno
# aleatorio también, hasta que cargas pesos.

# %% [markdown] lang="pt"
# ## Convolução transposta: o kernel fica virado
#
# A convolução transposta do PyTorch põe sob cada amostra uma cópia do kernel, vezes essa amostra, e soma as
# cópias. `lax.conv_transpose`, em vez disso, desliza o kernel pelo sinal esticado, como faz uma correlação
# cruzada, e cada cópia sai espelhada. Um kernel simétrico esconde isso; um aleatório também, até você
# carregar pesos.

# %%
two, kernel = np.float32([[[1, 2]]]), np.float32([[[1, 2, 3]]])
mirrored = jax.lax.conv_transpose(
    two, kernel, (2,), "VALID", dimension_numbers=("NCH", "OIH", "NCH")
)
up = conv.conv_transpose1d(two, kernel, stride=2)
print("lax.conv_transpose:   ", mirrored.ravel())
print("conv.conv_transpose1d:", up.ravel())

# %%
up_t = torch.nn.functional.conv_transpose1d(torch.tensor(two), torch.tensor(kernel), stride=2)
up_t

# %% tags=["hide-input"]
figure, every = plt.subplots(1, 2, figsize=(7, 2.4), sharey=True, layout="constrained")
for axes, values, name in ((every[0], mirrored, "lax.conv_transpose"), (every[1], up, "PyTorch")):
    first = (kernel[..., ::-1] if name != "PyTorch" else kernel).ravel()
    axes.bar(range(3), first, color=BLUE, width=0.6, label=_("the copy of sample 1"))
    below = np.concatenate([np.zeros(2), first[2:], np.zeros(2)])
    axes.bar(
        range(2, 5), 2 * first, bottom=below[2:], color=ORANGE, width=0.6, label=_("of sample 2")
    )
    axes.set(xlabel=_("output sample"), xticks=range(5))
    axes.set_title(name, fontsize=11, loc="left")
    assert np.allclose(np.pad(first, (0, 2)) + np.pad(2 * first, (2, 0)), np.ravel(values))
every[0].set_ylabel(_("value"))
figure.legend(
    *every[0].get_legend_handles_labels(), loc="outside upper right", frameon=False, ncols=2
)
show(
    figure,
    alt=_(
        "Two bar charts of the 5 outputs. By lax.conv_transpose each copy of the kernel falls from left to "
        "right: 3, 2, 1. In PyTorch each rises: 1, 2, 3. The two copies overlap in the middle sample."
    ),
)

# %% [markdown] lang="en"
# ## Batch norm: two conventions in one running average
#
# After a batch of $1, 2, 3, 4$ both libraries move the running mean and variance a tenth of the way. But
# flax's `momentum` is what *stays*, 0.9, and PyTorch's is what comes *in*, 0.1. And flax keeps the variance
# of these 4 numbers, 1.25, where PyTorch keeps its estimate for the whole distribution, with $n - 1$ below:
# 1.667. A network runs well in training, and is off at rest.

# %% [markdown] lang="es"
# ## Normalización por lotes: dos convenciones en una media móvil
#
# Después de un lote $1, 2, 3, 4$ las dos bibliotecas mueven la media y la varianza acumuladas una décima
# parte del camino. Pero el `momentum` de flax es lo que *queda*, 0,9, y el de PyTorch lo que *entra*, 0,1. Y
# flax guarda la varianza de estos 4 números, 1,25, mientras PyTorch guarda su estimación para toda la
# distribución, con $n - 1$ abajo: 1,667. La red va bien al entrenar, y se desvía en reposo.

# %% [markdown] lang="pt"
# ## Normalização por lotes: duas convenções em uma média móvel
#
# Depois de um lote $1, 2, 3, 4$ as duas bibliotecas movem a média e a variância acumuladas um décimo do
# caminho. Mas o `momentum` do flax é o que *fica*, 0,9, e o do PyTorch é o que *entra*, 0,1. E o flax guarda
# a variância destes 4 números, 1,25, enquanto o PyTorch guarda a estimativa para toda a distribuição, com
# $n - 1$ embaixo: 1,667. A rede vai bem no treino, e se desvia em repouso.

# %%
batch = np.float32([[1], [2], [3], [4]])
of_flax = nnx.BatchNorm(1, momentum=0.9, rngs=nnx.Rngs(0))
norm = port.BatchNorm1d(1, momentum=0.1, rngs=nnx.Rngs(0))
of_flax(batch), norm(batch)
print("nnx.BatchNorm:   ", of_flax.mean[...], of_flax.var[...])
print("port.BatchNorm1d:", norm.running_mean[...], norm.running_var[...])

# %%
norm_t = torch.nn.BatchNorm1d(1, momentum=0.1)
norm_t(torch.tensor(batch))
norm_t.running_mean, norm_t.running_var

# %% [markdown] lang="en"
# ## Flatten: channels first, or last
#
# JAX's libraries keep the channels of an image last, PyTorch keeps them first. Layers can be told so, and
# kernels transposed. But the layer that flattens an image writes its pixels down in the order in which they
# lie, and the linear layer after it learned *that* order. The numbers below say where each pixel of 2
# channels goes.

# %% [markdown] lang="es"
# ## Aplanar: canales primero, o al final
#
# Las bibliotecas de JAX guardan los canales de una imagen al final; PyTorch, al principio. A las capas se les
# puede decir, y los núcleos se transponen. Pero la capa que aplana una imagen anota sus píxeles en el orden
# en que están, y la capa lineal que sigue aprendió *ese* orden. Los números de abajo dicen adónde va cada
# píxel de 2 canales.

# %% [markdown] lang="pt"
# ## Achatar: canais primeiro, ou por último
#
# As bibliotecas de JAX guardam os canais de uma imagem por último; o PyTorch, primeiro. Pode-se avisar as
# camadas, e transpor os kernels. Mas a camada que achata uma imagem anota seus pixels na ordem em que eles
# estão, e a camada linear seguinte aprendeu *essa* ordem. Os números abaixo dizem aonde vai cada pixel de 2
# canais.

# %%
image = np.arange(24).reshape(1, 2, 3, 4)  # (N, C, H, W)
last = image.transpose(0, 2, 3, 1)  # (N, H, W, C): the same image
print(jnp.reshape(last, -1))
print(jnp.reshape(image, -1))

# %%
torch.flatten(torch.tensor(image))

# %% tags=["hide-input"]
places = np.empty(24, int)
places[last.ravel()] = np.arange(24)
orders = {_("channels last"): places.reshape(2, 3, 4), _("channels first"): image[0]}
figure, every = plt.subplots(2, 2, figsize=(7, 3.6), layout="constrained")
for row, (name, order) in zip(every, orders.items(), strict=True):
    for channel, axes in enumerate(row):
        axes.imshow(order[channel], cmap="Blues", vmin=0, vmax=40)
        for (i, j), place in np.ndenumerate(order[channel]):
            axes.text(j, i, place, ha="center", va="center", fontsize=10)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
        axes.set_title(
            _("channel {channel}, {name}").format(channel=channel, name=name), fontsize=10
        )
show(
    figure,
    alt=_(
        "Four grids of 3 by 4 pixels with their places in the flattened vector. Channels last: channel 0 has "
        "the even places and channel 1 the odd ones. Channels first: channel 0 has 0 to 11, channel 1 has "
        "12 to 23."
    ),
)

# %% [markdown] lang="en"
# ## Resizing: where do the corners go?
#
# To stretch 4 samples to 13, PyTorch's `align_corners=True` puts the first and the last sample on the ends.
# `jax.image.resize` sees samples as small boxes, and the ends of the boxes on the ends: PyTorch's default,
# `align_corners=False`.

# %% [markdown] lang="es"
# ## Cambiar de tamaño: ¿adónde van las esquinas?
#
# Para estirar 4 muestras a 13, `align_corners=True` de PyTorch pone la primera y la última muestra en los
# extremos. `jax.image.resize` ve las muestras como cajitas, y pone en los extremos los bordes de las cajas:
# lo que PyTorch hace por omisión, `align_corners=False`.

# %% [markdown] lang="pt"
# ## Mudar de tamanho: aonde vão os cantos?
#
# Para esticar 4 amostras a 13, `align_corners=True` do PyTorch põe a primeira e a última amostra nas
# pontas. `jax.image.resize` vê as amostras como caixinhas, e põe nas pontas as bordas das caixas: o padrão
# do PyTorch, `align_corners=False`.

# %%
four = np.float32([[[0, 2, 1, 3]]])
boxes = jax.image.resize(four, (1, 1, 13), "linear")
corners = port.functional.interpolate(four, 13, mode="linear", align_corners=True)

# %%
boxes_t = torch.nn.functional.interpolate(
    torch.tensor(four), 13, mode="linear", align_corners=False
)
corners_t = torch.nn.functional.interpolate(
    torch.tensor(four), 13, mode="linear", align_corners=True
)

# %% tags=["hide-input"]
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
axes.plot(np.ravel(boxes), "o-", color=ORANGE, label="jax.image.resize")
axes.plot(corners_t.ravel(), "s-", color=BLUE, label="PyTorch, align_corners=True")
axes.set(xlabel=_("sample"), ylabel=_("value"))
axes.legend(frameon=False, fontsize=9)
show(
    figure,
    alt=_(
        "Two curves of 13 samples through 0, 2, 1 and 3. The one with aligned corners leaves 0 at once and "
        "reaches 3 at the last sample; the other is flat for two samples at either end."
    ),
)

# %% [markdown] lang="en"
# ## Derivatives at a corner, and a default
#
# `abs` has no derivative at 0, and everyone may choose one: JAX takes 1, PyTorch 0. A sparse network, or one
# of small integers, has many such zeros. And some functions differ everywhere, by a default: JAX's `gelu` is
# an approximation by `tanh`. `python -m compare semantics` runs all such places that we know of.

# %% [markdown] lang="es"
# ## Derivadas en una esquina, y un valor por omisión
#
# `abs` no tiene derivada en 0, y cada cual puede elegir una: JAX toma 1, PyTorch 0. Una red rala, o una de
# enteros pequeños, tiene muchos ceros así. Y algunas funciones difieren en todas partes, por un valor por
# omisión: la `gelu` de JAX es una aproximación con `tanh`. `python -m compare semantics` ejecuta todos los
# lugares así que conocemos.

# %% [markdown] lang="pt"
# ## Derivadas em um canto, e um valor padrão
#
# `abs` não tem derivada em 0, e cada um pode escolher uma: JAX toma 1, PyTorch 0. Uma rede esparsa, ou uma
# de inteiros pequenos, tem muitos zeros assim. E algumas funções diferem em toda parte, por um valor padrão:
# a `gelu` de JAX é uma aproximação com `tanh`. `python -m compare semantics` executa todos os lugares assim
# que conhecemos.

# %%
F = port.functional
print("abs at 0:        JAX", jax.grad(jnp.abs)(0.0))
print("leaky_relu at 0: JAX", jax.grad(jax.nn.leaky_relu)(0.0), "port", jax.grad(F.leaky_relu)(0.0))
print("gelu(1):         JAX", jax.nn.gelu(1.0), "port", F.gelu(np.float32(1)))

# %%
zero = torch.zeros((), requires_grad=True)
(slope_t,) = torch.autograd.grad(torch.nn.functional.leaky_relu(zero), zero)
gelu_t = torch.nn.functional.gelu(torch.tensor(1.0))
slope_t, gelu_t

# %% [markdown] lang="en"
# All that you saw is in this package as PyTorch has it: the same names and arguments, in JAX.

# %% [markdown] lang="es"
# Todo lo que viste está en este paquete como en PyTorch: los mismos nombres y argumentos, en JAX.

# %% [markdown] lang="pt"
# Tudo o que você viu está neste pacote como no PyTorch: os mesmos nomes e argumentos, em JAX.

# %%
print(
    assert_agree(
        jax={
            "conv1d": padded,
            "conv_transpose1d": up,
            "running mean": norm.running_mean[...],
            "running variance": norm.running_var[...],
            "flatten": jnp.reshape(image, -1),
            "interpolate": corners,
            "resize": boxes,
            "leaky_relu at 0": jax.grad(F.leaky_relu)(0.0),
            "gelu(1)": F.gelu(np.float32(1)),
        },
        torch={
            "conv1d": padded_t,
            "conv_transpose1d": up_t,
            "running mean": norm_t.running_mean,
            "running variance": norm_t.running_var,
            "flatten": torch.flatten(torch.tensor(image)),
            "interpolate": corners_t,
            "resize": boxes_t,
            "leaky_relu at 0": slope_t,
            "gelu(1)": gelu_t,
        },
    )
)

# %% [markdown] lang="en"
# ## A network, by hand
#
# Here is a small network in PyTorch, with most of the traps in it. A few batches in training mode give its
# batch norms something to remember.

# %% [markdown] lang="es"
# ## Una red, a mano
#
# Aquí hay una red pequeña en PyTorch, con casi todas las trampas dentro. Unos lotes en modo de entrenamiento
# les dan a sus normalizaciones algo que recordar.

# %% [markdown] lang="pt"
# ## Uma rede, à mão
#
# Aqui está uma rede pequena em PyTorch, com quase todas as armadilhas dentro. Alguns lotes em modo de treino
# dão às suas normalizações algo para lembrar.


# %%
class TorchNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 3, padding=1),
            torch.nn.BatchNorm2d(8),
            torch.nn.GELU(),
            torch.nn.Conv2d(8, 8, 3, stride=2, padding=1),
        )
        self.up = torch.nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1)
        self.head = torch.nn.Linear(4 * 8 * 8, 10)

    def forward(self, x):
        x = self.up(self.body(x))
        return self.head(torch.flatten(x, 1))


torch.manual_seed(0)
net_t = TorchNet()
for _step in range(5):
    net_t(torch.randn(16, 1, 8, 8))
net_t.eval()
images = torch.randn(4, 1, 8, 8)

# %% [markdown] lang="en"
# The same by hand, with the modules of `port`. Arguments and attributes are PyTorch's, and so are the names
# in the state: `load_state_dict` takes PyTorch's own.

# %% [markdown] lang="es"
# Lo mismo a mano, con los módulos de `port`. Los argumentos y los atributos son los de PyTorch, y también los
# nombres en el estado: `load_state_dict` acepta el del propio PyTorch.

# %% [markdown] lang="pt"
# O mesmo à mão, com os módulos de `port`. Os argumentos e atributos são os do PyTorch, e também os nomes no
# estado: `load_state_dict` aceita o do próprio PyTorch.


# %%
class Net(port.Module):
    def __init__(self, *, rngs):
        self.body = port.Sequential(
            port.Conv2d(1, 8, 3, padding=1, rngs=rngs),
            port.BatchNorm2d(8, rngs=rngs),
            port.GELU(),
            port.Conv2d(8, 8, 3, stride=2, padding=1, rngs=rngs),
        )
        self.up = port.ConvTranspose2d(8, 4, 4, stride=2, padding=1, rngs=rngs)
        self.head = port.Linear(4 * 8 * 8, 10, rngs=rngs)

    def forward(self, x):
        x = self.up(self.body(x))
        return self.head(x.reshape(len(x), -1))


net = Net(rngs=nnx.Rngs(0)).eval()
print(port.load_state_dict(net, net_t.state_dict()))
print(assert_agree(jax={"logits": net(images.numpy())}, torch={"logits": net_t(images)}))

# %% [markdown] lang="en"
# ## Weights, back and forth
#
# `state_dict` has the names and layouts of PyTorch, also for flax's own layers: there `kernel` becomes
# `weight`, and its axes are turned. `.safetensors` files can be read and written on either side. What does
# not fit is told in PyTorch's words, all of it at once, and the network stays as it was.

# %% [markdown] lang="es"
# ## Pesos, de ida y vuelta
#
# `state_dict` tiene los nombres y las disposiciones de PyTorch, también para las capas propias de flax: ahí
# `kernel` pasa a ser `weight`, con los ejes girados. Los archivos `.safetensors` se pueden leer y escribir de
# los dos lados. Lo que no encaja se dice con las palabras de PyTorch, todo a la vez, y la red queda como
# estaba.

# %% [markdown] lang="pt"
# ## Pesos, ida e volta
#
# `state_dict` tem os nomes e as disposições do PyTorch, também para as camadas próprias do flax: ali
# `kernel` vira `weight`, com os eixos girados. Arquivos `.safetensors` podem ser lidos e escritos dos dois
# lados. O que não encaixa é dito nas palavras do PyTorch, tudo de uma vez, e a rede fica como estava.

# %%
layer = nnx.Conv(1, 8, (3, 5), rngs=nnx.Rngs(0))
print("flax:", {"kernel": layer.kernel.shape, "bias": layer.bias.shape})
print("port:", {name: array.shape for name, array in port.state_dict(layer).items()})
port.write("net.safetensors", port.state_dict(net))
state = port.read("net.safetensors")
print(len(state), "arrays in the file")
state["head.wait"] = state.pop("head.weight")
try:
    port.load_state_dict(net, state)
except RuntimeError as error:
    print(error)

# %%
theirs = net_t.state_dict()
back = {name: torch.tensor(np.asarray(a)) for name, a in port.read("net.safetensors").items()}
print(net_t.load_state_dict(back))
print(assert_agree(jax={n: back[n].numpy() for n in theirs}, torch=theirs))

# %% [markdown] lang="en"
# ## A network, by itself
#
# You need not rewrite it. `port.convert` takes the network of PyTorch and returns a program: a pure function
# of its parameters, its buffers and its arguments. JAX differentiates, compiles and vectorises it, and
# PyTorch is not needed any more.

# %% [markdown] lang="es"
# ## Una red, sola
#
# No hace falta reescribirla. `port.convert` toma la red de PyTorch y devuelve un programa: una función pura
# de sus parámetros, sus *buffers* y sus argumentos. JAX lo deriva, lo compila y lo vectoriza, y PyTorch ya no
# hace falta.

# %% [markdown] lang="pt"
# ## Uma rede, sozinha
#
# Não é preciso reescrevê-la. `port.convert` toma a rede do PyTorch e devolve um programa: uma função pura de
# seus parâmetros, seus *buffers* e seus argumentos. JAX o deriva, compila e vetoriza, e o PyTorch já não é
# necessário.

# %%
program = port.convert(net_t, (images,))


@jax.jit
def loss(params, x):
    logits, _buffers = program(params, program.buffers, x)
    return (logits**2).mean()


gradients = jax.jit(jax.grad(loss))(program.params, images.numpy())
{name: array.shape for name, array in gradients.items()}

# %%
(net_t(images) ** 2).mean().backward()
gradients_t = {name: p.grad for name, p in net_t.named_parameters()}
print(assert_agree(jax=gradients, torch=gradients_t))

# %% [markdown] lang="en"
# If you want to read it, or to go on working on it, `program.source()` writes it down as a module of plain
# JAX. `program.save(folder)` puts it beside its weights, and `python -m port` does all of this from a shell.

# %% [markdown] lang="es"
# Si quieres leerlo, o seguir trabajando con él, `program.source()` lo escribe como un módulo de JAX puro.
# `program.save(folder)` lo pone junto a sus pesos, y `python -m port` hace todo esto desde una terminal.

# %% [markdown] lang="pt"
# Se você quer lê-lo, ou continuar a trabalhar nele, `program.source()` o escreve como um módulo de JAX puro.
# `program.save(folder)` o põe ao lado de seus pesos, e `python -m port` faz tudo isso em um terminal.

# %%
print(program.source())

# %% [markdown] lang="en"
# ## Which layer is wrong?
#
# Now a port such as one writes on the first day, in flax, by the names of the layers. It runs, the shapes are
# right, the weights load. The output is wrong.

# %% [markdown] lang="es"
# ## ¿Qué capa está mal?
#
# Ahora un traslado como el que se escribe el primer día, en flax, por los nombres de las capas. Se ejecuta,
# las formas están bien, los pesos se cargan. La salida está mal.

# %% [markdown] lang="pt"
# ## Qual camada está errada?
#
# Agora uma tradução como a que se escreve no primeiro dia, em flax, pelos nomes das camadas. Ela roda, as
# formas estão certas, os pesos carregam. A saída está errada.


# %%
class FirstTry(nnx.Module):
    def __init__(self, *, rngs):
        self.body = nnx.Sequential(
            nnx.Conv(1, 8, (3, 3), rngs=rngs),
            nnx.BatchNorm(8, rngs=rngs),
            nnx.gelu,
            nnx.Conv(8, 8, (3, 3), strides=2, rngs=rngs),
        )
        self.up = nnx.ConvTranspose(8, 4, (4, 4), strides=2, rngs=rngs)
        self.head = nnx.Linear(4 * 8 * 8, 10, rngs=rngs)

    def __call__(self, x):  # (N, H, W, C)
        x = self.up(self.body(x))
        return self.head(x.reshape(len(x), -1))


first = FirstTry(rngs=nnx.Rngs(0))
print(port.load_state_dict(first, net_t.state_dict()))
report = compare.models(net_t, first, (images,), train=True)
print(report)

# %% [markdown] lang="en"
# `compare.models` runs PyTorch's network once and remembers what goes into each layer, and the gradient that
# comes back to it. Then each layer of JAX gets *PyTorch's* input, so that the fault of one is not the fault
# of all that follow. It tries known faults on PyTorch's layer until one gives what JAX's gives: that is the
# cause. All is in float64, where rounding is $10^{-16}$, and what is left is no rounding.

# %% [markdown] lang="es"
# `compare.models` ejecuta una vez la red de PyTorch y recuerda qué entra en cada capa y qué gradiente le
# vuelve. Después cada capa de JAX recibe la entrada de *PyTorch*, para que el error de una no sea el de todas
# las que siguen. Prueba errores conocidos en la capa de PyTorch hasta que uno da lo que da la de JAX: esa es
# la causa. Todo va en float64, donde el redondeo es $10^{-16}$, y lo que queda no es redondeo.

# %% [markdown] lang="pt"
# `compare.models` executa uma vez a rede do PyTorch e lembra o que entra em cada camada e o gradiente que
# volta a ela. Depois cada camada de JAX recebe a entrada do *PyTorch*, para que o erro de uma não seja o de
# todas as seguintes. Ela tenta erros conhecidos na camada do PyTorch até que um dê o que a de JAX dá: essa é
# a causa. Tudo vai em float64, onde o arredondamento é $10^{-16}$, e o que sobra não é arredondamento.

# %%
report.first, report.cause

# %% [markdown] lang="en"
# Once these layers are mended, one fault remains, and it is in no layer: the network's own code flattens with
# the channels last. The next try has layers that agree, and only that fault.

# %% [markdown] lang="es"
# Una vez arregladas esas capas queda un error, y no está en ninguna capa: el código de la propia red aplana
# con los canales al final. El intento siguiente tiene capas que coinciden, y solo ese error.

# %% [markdown] lang="pt"
# Consertadas essas camadas, resta um erro, e ele não está em nenhuma camada: o código da própria rede achata
# com os canais por último. A próxima tentativa tem camadas que concordam, e só esse erro.


# %%
class SecondTry(Net):
    def forward(self, x):
        x = self.up(self.body(x)).transpose(0, 2, 3, 1)
        return self.head(x.reshape(len(x), -1))


reports = [report]
for kind in (SecondTry, Net):
    model = kind(rngs=nnx.Rngs(0))
    port.load_state_dict(model, net_t.state_dict())
    reports.append(compare.models(net_t, model, (images,), train=True))
    print(f"{kind.__name__}: first {reports[-1].first!r}, cause {reports[-1].cause!r}")

# %% tags=["hide-input"]
names = [layer.title for layer in report.layers if layer.path != "body"]
names[-1] = _("whole net")
tries = [_("first try"), _("second try"), _("third try")]
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
for i, (found, name, colour) in enumerate(zip(reports, tries, (ORANGE, GREY, BLUE), strict=True)):
    layers = [layer for layer in found.layers if layer.path != "body"]
    values = [max(layer.largest("output") or 0, layer.largest("buffers") or 0) for layer in layers]
    axes.bar(
        np.arange(len(names)) + 0.27 * (i - 1),
        np.maximum(values, 1e-17),
        0.25,
        color=colour,
        label=name,
    )
axes.axhline(report.rtol, color=GREY, linewidth=1, linestyle="--")
axes.set(yscale="log", ylim=(1e-17, 30), xticks=range(len(names)), ylabel=_("difference, relative"))
axes.set_xticklabels(names, fontsize=9)
figure.legend(loc="outside upper right", frameon=False, ncols=3)
show(
    figure,
    alt=_(
        "Bars of the difference between JAX and PyTorch for each layer and the whole net, on a logarithmic "
        "scale. The first try is far above the dashed tolerance in four places, the second only in the whole "
        "net, the third nowhere: it stays far below the tolerance."
    ),
)

# %% [markdown] lang="en"
# From a shell it is `python -m compare model torch_net.py:make jax_net.py:make --input 4x1x8x8`.
#
# ## And fast
#
# Convolutions of this package are fast on a CPU as they are. Those of another library are where
# `conv.accelerate` is in force, with the same results: here flax's depthwise layer, forward and back.

# %% [markdown] lang="es"
# Desde una terminal es `python -m compare model torch_net.py:make jax_net.py:make --input 4x1x8x8`.
#
# ## Y rápido
#
# Las convoluciones de este paquete son rápidas en una CPU tal como están. Las de otra biblioteca lo son donde
# rige `conv.accelerate`, con los mismos resultados: aquí la capa por canal de flax, de ida y vuelta.

# %% [markdown] lang="pt"
# Em um terminal é `python -m compare model torch_net.py:make jax_net.py:make --input 4x1x8x8`.
#
# ## E rápido
#
# As convoluções deste pacote são rápidas em uma CPU como estão. As de outra biblioteca o são onde vale
# `conv.accelerate`, com os mesmos resultados: aqui a camada por canal do flax, ida e volta.

# %% tags=["measured"]
depthwise = nnx.Conv(64, 64, (3, 3), feature_group_count=64, rngs=nnx.Rngs(0))
signal = jnp.asarray(np.random.default_rng(0).normal(size=(8, 32, 32, 64)), jnp.float32)


def seconds(enabled):
    graph, kernel = nnx.split(depthwise)
    step = jax.jit(jax.grad(lambda kernel, x: (nnx.merge(graph, kernel)(x) ** 2).sum()))
    with conv.accelerate(enabled):
        found = jax.block_until_ready(step(kernel, signal))
        times = []
        for _run in range(5):
            start = time.perf_counter()
            jax.block_until_ready(step(kernel, signal))
            times.append(time.perf_counter() - start)
    return min(times), found


(plain, before), (fast, after) = seconds(False), seconds(True)
print(
    f"JAX's own: {1000 * plain:.1f} ms, accelerated: {1000 * fast:.1f} ms, {plain / fast:.0f} times as fast"
)
assert np.allclose(before["kernel"][...], after["kernel"][...], rtol=1e-3, atol=1e-1)

# %% [markdown] lang="en"
# ## To keep
#
# - Do not port by name. Same name, same shape and same size can be another function.
# - Random weights hide faults, symmetric kernels too. Compare with the weights that you mean to use.
# - Compare gradients and buffers, not outputs alone: what is right at rest can be wrong in training.
# - Compare layer by layer on the same input, in float64. Then a difference is a fault, and has one place.
# - What need not be written by hand, do not write: `port.convert` first, then change what it wrote.

# %% [markdown] lang="es"
# ## Para llevarse
#
# - No traslades por el nombre. El mismo nombre, la misma forma y el mismo tamaño pueden ser otra función.
# - Los pesos aleatorios esconden errores, los núcleos simétricos también. Compara con los pesos que vas a usar.
# - Compara gradientes y *buffers*, no solo salidas: lo que está bien en reposo puede estar mal al entrenar.
# - Compara capa por capa con la misma entrada, en float64. Así una diferencia es un error, y tiene un lugar.
# - Lo que no hay que escribir a mano, no lo escribas: primero `port.convert`, después cambia lo que escribió.

# %% [markdown] lang="pt"
# ## Para levar
#
# - Não traduza pelo nome. O mesmo nome, a mesma forma e o mesmo tamanho podem ser outra função.
# - Pesos aleatórios escondem erros, kernels simétricos também. Compare com os pesos que você vai usar.
# - Compare gradientes e *buffers*, não só saídas: o que está certo em repouso pode estar errado no treino.
# - Compare camada por camada com a mesma entrada, em float64. Assim uma diferença é um erro, e tem um lugar.
# - O que não precisa ser escrito à mão, não escreva: primeiro `port.convert`, depois mude o que ele escreveu.
