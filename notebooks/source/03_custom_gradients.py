# %% [markdown] lang="en"
# # Functions with a gradient of their own
#
# Automatic differentiation knows the derivative of every operation that a library ships. It also takes
# yours: you say what a function computes and how a gradient passes back through it, and from then on
# it is an operation like any other. Here you write three such functions, put them into a network, and
# then write two where the gradient is deliberately *not* the derivative.
#
# This is the last part of *Understanding convolutions and the automatic differentiation engine*, from
# NYU Deep Learning (practicum 05-3, by Alfredo Canziani), with JAX beside PyTorch. Read
# [Automatic differentiation](02_automatic_differentiation.ipynb) before it; after it comes
# [Why convolution](04_why_convolution.ipynb). You can do without
# [Convolutions](01_convolutions.ipynb) here.

# %% [markdown] lang="es"
# # Funciones con gradiente propio
#
# La diferenciación automática conoce la derivada de cada operación que trae una biblioteca. También
# acepta las tuyas: tú dices qué calcula una función y cómo vuelve un gradiente a través de ella, y desde
# ese momento es una operación como las demás. Aquí escribes tres funciones así, las pones en una red y
# después escribes dos cuyo gradiente, a propósito, *no* es la derivada.
#
# Es la última parte de *Understanding convolutions and the automatic differentiation engine*, de NYU
# Deep Learning (práctica 05-3, de Alfredo Canziani), con JAX al lado de PyTorch. Lee antes
# [Diferenciación automática](02_automatic_differentiation.ipynb); después viene
# [Por qué la convolución](04_why_convolution.ipynb). Aquí puedes prescindir de
# [Convoluciones](01_convolutions.ipynb).

# %% [markdown] lang="pt"
# # Funções com gradiente próprio
#
# A diferenciação automática conhece a derivada de cada operação que vem com uma biblioteca. Ela também
# aceita as suas: você diz o que uma função calcula e como um gradiente volta através dela, e a partir
# daí ela é uma operação como as outras. Aqui você escreve três funções assim, coloca-as em uma rede e
# depois escreve duas cujo gradiente, de propósito, *não* é a derivada.
#
# Esta é a última parte de *Understanding convolutions and the automatic differentiation engine*, da NYU
# Deep Learning (aula prática 05-3, de Alfredo Canziani), com JAX ao lado de PyTorch. Leia antes
# [Diferenciação automática](02_automatic_differentiation.ipynb); depois vem
# [Por que a convolução](04_why_convolution.ipynb). Aqui você pode dispensar
# [Convoluções](01_convolutions.ipynb).

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import torch

import custom_vjp
from compare import assert_agree
from compare.notebook import show, show_svg
from custom_vjp import Function
from custom_vjp import functional as F
from grad import graph

plt.rcParams.update({"font.size": 11, "axes.spines.top": 0, "axes.spines.right": 0})
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8a91a0"


def tracked(array):
    return torch.tensor(array, requires_grad=True)


# %% [markdown] lang="en"
# ## Addition: the gradient is copied
#
# Let $a$ be the scalar at the end of a program, and $y = f(x_1, x_2)$ a step in the middle. By the time
# the backward pass reaches that step it knows $\frac{\partial a}{\partial y}$, and it needs
# $\frac{\partial a}{\partial x_1}$ and $\frac{\partial a}{\partial x_2}$. For $y = x_1 + x_2$ both
# partial derivatives of $y$ are 1, so the chain rule leaves the gradient as it is and hands a copy to
# each input:
#
# $$\frac{\partial a}{\partial x_1} = \frac{\partial a}{\partial x_2} = \frac{\partial a}{\partial y}$$
#
# In JAX such a function has three parts: what is computed; the same together with what the backward pass
# will need; and the backward pass. A sum has nothing to keep.

# %% [markdown] lang="es"
# ## La suma: el gradiente se copia
#
# Sea $a$ el escalar al final de un programa, e $y = f(x_1, x_2)$ un paso intermedio. Cuando la pasada
# hacia atrás llega a ese paso ya conoce $\frac{\partial a}{\partial y}$, y necesita
# $\frac{\partial a}{\partial x_1}$ y $\frac{\partial a}{\partial x_2}$. Para $y = x_1 + x_2$ las dos
# derivadas parciales de $y$ valen 1, así que la regla de la cadena deja el gradiente como está y le da
# una copia a cada entrada:
#
# $$\frac{\partial a}{\partial x_1} = \frac{\partial a}{\partial x_2} = \frac{\partial a}{\partial y}$$
#
# En JAX una función así tiene tres partes: lo que se calcula; lo mismo junto con lo que necesitará la
# pasada hacia atrás; y la pasada hacia atrás. Una suma no tiene nada que guardar.

# %% [markdown] lang="pt"
# ## A soma: o gradiente é copiado
#
# Seja $a$ o escalar no fim de um programa, e $y = f(x_1, x_2)$ um passo no meio. Quando a passagem para
# trás chega a esse passo, ela já conhece $\frac{\partial a}{\partial y}$ e precisa de
# $\frac{\partial a}{\partial x_1}$ e $\frac{\partial a}{\partial x_2}$. Para $y = x_1 + x_2$ as duas
# derivadas parciais de $y$ valem 1; a regra da cadeia, então, deixa o gradiente como está e entrega uma
# cópia a cada entrada:
#
# $$\frac{\partial a}{\partial x_1} = \frac{\partial a}{\partial x_2} = \frac{\partial a}{\partial y}$$
#
# Em JAX uma função assim tem três partes: o que se calcula; o mesmo junto com o que a passagem para
# trás vai precisar; e a passagem para trás. Uma soma não tem nada a guardar.


# %%
@jax.custom_vjp
def add(x1, x2):
    return x1 + x2


def add_forward(x1, x2):
    return x1 + x2, None  # the output, and what to keep


def add_backward(kept, gradient):
    return gradient, gradient  # one for each input, in their order


add.defvjp(add_forward, add_backward)


def mean_of_sum(x1, x2):
    return add(x1, x2).mean()


def square_of_sum(x1, x2):
    return (add(x1, x2) ** 2).sum()


x1, x2 = np.float32([1, 2, 3]), np.float32([10, 20, 30])
of_mean = jax.jit(jax.grad(mean_of_sum, argnums=(0, 1)))(x1, x2)
of_square = jax.jit(jax.grad(square_of_sum, argnums=(0, 1)))(x1, x2)
of_mean

# %% [markdown] lang="en"
# In PyTorch it is a class with two static methods. `ctx` carries over what the backward pass needs, and
# `apply` calls the function.

# %% [markdown] lang="es"
# En PyTorch es una clase con dos métodos estáticos. `ctx` lleva consigo lo que necesita la pasada hacia
# atrás, y `apply` llama a la función.

# %% [markdown] lang="pt"
# Em PyTorch é uma classe com dois métodos estáticos. `ctx` leva consigo o que a passagem para trás
# precisa, e `apply` chama a função.


# %%
class Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x1, x2):
        return x1 + x2

    @staticmethod
    def backward(ctx, gradient):
        return gradient, gradient


x1_t, x2_t = tracked(x1), tracked(x2)
of_mean_t = torch.autograd.grad(Add.apply(x1_t, x2_t).mean(), (x1_t, x2_t))
of_square_t = torch.autograd.grad((Add.apply(x1_t, x2_t) ** 2).sum(), (x1_t, x2_t))
of_mean_t

# %% [markdown] lang="en"
# The mean of 3 numbers gives each of them $\frac{1}{3}$, and the sum passes that on to both sides. With
# the squares, $a = \sum_i (x_{1i} + x_{2i})^2$, each side gets $2\,(x_{1i} + x_{2i})$.
#
# `custom_vjp.add` is this definition; it also sums the gradient where an input was broadcast.

# %% [markdown] lang="es"
# La media de 3 números le da a cada uno $\frac{1}{3}$, y la suma lo pasa a los dos lados. Con los
# cuadrados, $a = \sum_i (x_{1i} + x_{2i})^2$, cada lado recibe $2\,(x_{1i} + x_{2i})$.
#
# `custom_vjp.add` es esta definición; además suma el gradiente allí donde una entrada se extendió por
# difusión (*broadcasting*).

# %% [markdown] lang="pt"
# A média de 3 números dá a cada um $\frac{1}{3}$, e a soma passa isso adiante para os dois lados. Com os
# quadrados, $a = \sum_i (x_{1i} + x_{2i})^2$, cada lado recebe $2\,(x_{1i} + x_{2i})$.
#
# `custom_vjp.add` é esta definição; além disso ela soma o gradiente onde uma entrada foi estendida por
# *broadcasting*.

# %%
print(
    assert_agree(
        jax={
            "add(x1, x2)": add(x1, x2),
            "grad(mean_of_sum)": of_mean,
            "grad(square_of_sum)": of_square,
            "custom_vjp.add": jax.grad(lambda x1: (custom_vjp.add(x1, x2) ** 2).sum())(x1),
        },
        torch={
            "add(x1, x2)": Add.apply(x1_t, x2_t),
            "grad(mean_of_sum)": of_mean_t,
            "grad(square_of_sum)": of_square_t,
            "custom_vjp.add": of_square_t[0],
        },
    )
)

# %% [markdown] lang="en"
# ## A copy: the gradients are added
#
# Turn addition around. One value goes out on two roads, $x_1 = x$ and $x_2 = x$, and moving $x$ moves
# both. The chain rule has a term for each road, so what comes back along them is added:
#
# $$\frac{\partial a}{\partial x} = \frac{\partial a}{\partial x_1} + \frac{\partial a}{\partial x_2}$$
#
# Copy and addition are each other's backward pass. You rarely write the copy yourself: whenever a
# program uses a variable twice, both libraries add up in silence what comes back.

# %% [markdown] lang="es"
# ## Una copia: los gradientes se suman
#
# Dale la vuelta a la suma. Un valor sale por dos caminos, $x_1 = x$ y $x_2 = x$, y al mover $x$ se mueven
# los dos. La regla de la cadena tiene un término por camino, así que lo que vuelve por ellos se suma:
#
# $$\frac{\partial a}{\partial x} = \frac{\partial a}{\partial x_1} + \frac{\partial a}{\partial x_2}$$
#
# La copia y la suma son cada una la pasada hacia atrás de la otra. Pocas veces escribes tú la copia: cada
# vez que un programa usa una variable dos veces, las dos bibliotecas suman en silencio lo que vuelve.

# %% [markdown] lang="pt"
# ## Uma cópia: os gradientes são somados
#
# Vire a soma do avesso. Um valor sai por dois caminhos, $x_1 = x$ e $x_2 = x$, e ao mover $x$ movem-se os
# dois. A regra da cadeia tem um termo para cada caminho, então o que volta por eles é somado:
#
# $$\frac{\partial a}{\partial x} = \frac{\partial a}{\partial x_1} + \frac{\partial a}{\partial x_2}$$
#
# A cópia e a soma são, cada uma, a passagem para trás da outra. Raramente você mesmo escreve a cópia:
# sempre que um programa usa uma variável duas vezes, as duas bibliotecas somam em silêncio o que volta.


# %%
@jax.custom_vjp
def split(x):
    return x, x


def split_forward(x):
    return (x, x), None


def split_backward(kept, gradients):
    to_first, to_second = gradients
    return (to_first + to_second,)


split.defvjp(split_forward, split_backward)


def even(copies):
    return (copies[0] + copies[1]).mean()


def uneven(copies):
    return (copies[0] + 3 * copies[1]).mean()


x = np.float32([1, 2, 3, 4])
copies, back = jax.vjp(split, x)
to_copies = jax.jit(jax.grad(even))(copies)
(to_x,) = back(to_copies)
to_x_uneven = jax.jit(jax.grad(lambda x: uneven(split(x))))(x)
print(*to_copies, to_x, sep="\n")


# %%
class Split(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone(), x.clone()

    @staticmethod
    def backward(ctx, to_first, to_second):
        return to_first + to_second


x_t = tracked(x)
copies_t = Split.apply(x_t)
to_copies_t = torch.autograd.grad(even(copies_t), copies_t, retain_graph=True)
(to_x_t,) = torch.autograd.grad(copies_t, x_t, to_copies_t)
(to_x_uneven_t,) = torch.autograd.grad(uneven(Split.apply(x_t)), x_t)
print(*to_copies_t, to_x_t, sep="\n")

# %% [markdown] lang="en"
# The signal has 4 samples, so the mean of $x_1 + x_2$ gives each copy 0.25, and $x$ gets 0.5. Where the
# second road counts three times as much, 0.25 and 0.75 come back, and $x$ gets 1. `custom_vjp.split` is
# this function.

# %% [markdown] lang="es"
# La señal tiene 4 muestras, así que la media de $x_1 + x_2$ le da a cada copia 0,25, y $x$ recibe 0,5.
# Donde el segundo camino cuenta tres veces más, vuelven 0,25 y 0,75, y $x$ recibe 1. `custom_vjp.split`
# es esta función.

# %% [markdown] lang="pt"
# O sinal tem 4 amostras, então a média de $x_1 + x_2$ dá a cada cópia 0,25, e $x$ recebe 0,5. Onde o
# segundo caminho conta três vezes mais, voltam 0,25 e 0,75, e $x$ recebe 1. `custom_vjp.split` é esta
# função.

# %%
print(
    assert_agree(
        jax={
            "grad even(x1, x2)": to_copies,
            "grad even(split(x))": to_x,
            "grad uneven(split(x))": to_x_uneven,
            "custom_vjp.split": jax.grad(lambda x: uneven(custom_vjp.split(x)))(x),
            "grad uneven(x, x)": jax.grad(lambda x: uneven((x, x)))(x),
        },
        torch={
            "grad even(x1, x2)": to_copies_t,
            "grad even(split(x))": to_x_t,
            "grad uneven(split(x))": to_x_uneven_t,
            "custom_vjp.split": to_x_uneven_t,
            "grad uneven(x, x)": torch.autograd.grad(uneven((x_t, x_t)), x_t)[0],
        },
    )
)

# %% [markdown] lang="en"
# ## The maximum: the gradient goes where the value came from
#
# The largest element is the only one that decides $y = \max_i x_i$. A small change anywhere else changes
# nothing. So the gradient goes to the place of the maximum, and the rest gets 0. Now there is something
# to keep: where the maximum stood.

# %% [markdown] lang="es"
# ## El máximo: el gradiente va al lugar de donde vino el valor
#
# El mayor elemento es el único que decide $y = \max_i x_i$. Un cambio pequeño en cualquier otro no cambia
# nada. Por eso el gradiente va al lugar del máximo, y el resto recibe 0. Ahora sí hay algo que guardar:
# dónde estaba el máximo.

# %% [markdown] lang="pt"
# ## O máximo: o gradiente vai para o lugar de onde o valor veio
#
# O maior elemento é o único que decide $y = \max_i x_i$. Uma mudança pequena em qualquer outro não muda
# nada. Por isso o gradiente vai para o lugar do máximo, e o resto recebe 0. Agora há algo a guardar: onde
# estava o máximo.


# %%
@jax.custom_vjp
def largest(x):
    return x.max()


def largest_forward(x):
    y = x.max()
    return y, x == y


def largest_backward(where, gradient):
    return (gradient * where,)


largest.defvjp(largest_forward, largest_backward)

one = np.float32([1, 5, 2, 4])
to_one = jax.jit(jax.grad(lambda x: 10 * largest(x)))(one)
to_one


# %%
class Largest(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.max()
        ctx.save_for_backward(x == y)
        return y

    @staticmethod
    def backward(ctx, gradient):
        (where,) = ctx.saved_tensors
        return gradient * where


one_t = tracked(one)
(to_one_t,) = torch.autograd.grad(10 * Largest.apply(one_t), one_t)
to_one_t

# %% [markdown] lang="en"
# What if the maximum stands in two places? In $x = (3, 1, 3)$ the maximum has no derivative: push one 3
# up and $y$ follows, push it down and $y$ stays, held by the other one. Everyone has to choose:
#
# - The lecture's function gives *every* tied maximum the whole gradient, and so does the one above, and
#   `custom_vjp.max`.
# - `jnp.max` and `torch.max(x)` share it out, in equal parts.
# - `torch.max(x, dim)` also returns an index, and the whole gradient goes to that one, the first.
#   `jnp.max(x, axis)` shares here too; PyTorch's choice is in `custom_vjp.functional.max`.

# %% [markdown] lang="es"
# ¿Y si el máximo está en dos lugares? En $x = (3, 1, 3)$ el máximo no tiene derivada: si empujas un 3
# hacia arriba, $y$ lo sigue; si lo empujas hacia abajo, $y$ se queda, sostenido por el otro. Cada cual
# tiene que elegir:
#
# - La función de la clase le da a *cada* máximo empatado el gradiente entero; también la de arriba, y
#   `custom_vjp.max`.
# - `jnp.max` y `torch.max(x)` lo reparten en partes iguales.
# - `torch.max(x, dim)` devuelve además un índice, y el gradiente entero va a ese, el primero.
#   `jnp.max(x, axis)` también aquí reparte; la elección de PyTorch está en `custom_vjp.functional.max`.

# %% [markdown] lang="pt"
# E se o máximo está em dois lugares? Em $x = (3, 1, 3)$ o máximo não tem derivada: se você empurra um 3
# para cima, $y$ acompanha; se o empurra para baixo, $y$ fica, sustentado pelo outro. Cada um tem de
# escolher:
#
# - A função da aula dá a *cada* máximo empatado o gradiente inteiro; a de cima também, e
#   `custom_vjp.max`.
# - `jnp.max` e `torch.max(x)` o repartem em partes iguais.
# - `torch.max(x, dim)` devolve também um índice, e o gradiente inteiro vai para ele, o primeiro.
#   `jnp.max(x, axis)` reparte também aqui; a escolha do PyTorch está em `custom_vjp.functional.max`.

# %%
tied = np.float32([3, 1, 3])

ties = {
    "largest": jax.grad(largest)(tied),
    "max(x)": jax.grad(jnp.max)(tied),
    "max(x, 0)": jax.grad(lambda x: F.max(x, 0).values)(tied),
}
print(*ties.items(), sep="\n")
print("jnp.max(x, 0)", jax.grad(lambda x: jnp.max(x, 0))(tied))

# %%
tied_t = tracked(tied)

ties_t = {
    "largest": torch.autograd.grad(Largest.apply(tied_t), tied_t)[0],
    "max(x)": torch.autograd.grad(torch.max(tied_t), tied_t)[0],
    "max(x, 0)": torch.autograd.grad(torch.max(tied_t, 0).values, tied_t)[0],
}
print(*ties_t.items(), sep="\n")

# %% tags=["hide-input"]
titles = {
    "largest": _("each gets all of it"),
    "max(x)": _("shared out"),
    "max(x, 0)": _("the first gets it"),
}
figure, every = plt.subplots(1, 3, figsize=(7, 2.8), sharey=True, layout="constrained")
for axes, (name, title) in zip(every, titles.items(), strict=True):
    axes.bar(range(3), ties[name], width=0.6, color=BLUE)
    axes.set_xticks(range(3), [f"{value:g}" for value in tied])
    axes.set_xlabel(_("element of x"))
    axes.set_title(title, fontsize=11)
    axes.set_yticks([0, 0.5, 1])
every[0].set_ylabel(_("gradient"))
show(
    figure,
    _(
        "Three bar charts of the gradient of the maximum of (3, 1, 3). The lecture's function: 1, 0, 1. "
        "Shared out: 0.5, 0, 0.5. The first gets it: 1, 0, 0."
    ),
)

# %% [markdown] lang="en"
# Does it matter? Push both 3s up by the same small $h$, and the maximum rises by $h$. With parts that add
# up to 1 the gradient says just that; with the lecture's it says $2h$. In trained networks exact ties are
# rare, except where values are made equal: zeros after a ReLU, pixels of a white background.

# %% [markdown] lang="es"
# ¿Importa? Empuja los dos 3 hacia arriba con el mismo $h$ pequeño, y el máximo sube $h$. Con partes que
# suman 1, el gradiente dice justo eso; con las de la clase dice $2h$. En redes entrenadas los empates
# exactos son raros, salvo donde los valores se vuelven iguales: ceros después de una ReLU, píxeles de un
# fondo blanco.

# %% [markdown] lang="pt"
# Isso importa? Empurre os dois 3 para cima com o mesmo $h$ pequeno, e o máximo sobe $h$. Com partes que
# somam 1, o gradiente diz exatamente isso; com as da aula, diz $2h$. Em redes treinadas os empates exatos
# são raros, exceto onde os valores são tornados iguais: zeros depois de uma ReLU, pixels de um fundo
# branco.

# %%
print(
    assert_agree(
        jax={
            "largest(x)": largest(one),
            "grad 10 largest(x)": to_one,
            "tied": ties,
            "custom_vjp.max": jax.grad(custom_vjp.max)(tied),
        },
        torch={
            "largest(x)": Largest.apply(one_t),
            "grad 10 largest(x)": to_one_t,
            "tied": ties_t,
            "custom_vjp.max": ties_t["largest"],
        },
    )
)

# %% [markdown] lang="en"
# ## Anywhere in a chain
#
# Such a function needs to know nothing of its neighbours. It receives a gradient from above and hands one
# down; the chain rule does the rest. So it fits anywhere, as long as you know its partial derivatives.
# Here is a small network with all three, and a shortcut around one of its layers:
#
# $$h = \tanh(W x), \quad (h_1, h_2) = \mathrm{split}(h), \quad
# a = \mathrm{largest}(\mathrm{add}(V h_1, h_2))$$
#
# The backward pass, a compiled program, and a whole batch at once are now ordinary calls.

# %% [markdown] lang="es"
# ## En cualquier lugar de una cadena
#
# Una función así no necesita saber nada de sus vecinas. Recibe un gradiente desde arriba y entrega otro
# hacia abajo; la regla de la cadena hace el resto. Por eso encaja en cualquier lugar, siempre que conozcas
# sus derivadas parciales. Aquí tienes una red pequeña con las tres, y un atajo que rodea una de sus capas:
#
# $$h = \tanh(W x), \quad (h_1, h_2) = \mathrm{split}(h), \quad
# a = \mathrm{largest}(\mathrm{add}(V h_1, h_2))$$
#
# La pasada hacia atrás, un programa compilado y un lote entero a la vez son ahora llamadas corrientes.

# %% [markdown] lang="pt"
# ## Em qualquer lugar de uma cadeia
#
# Uma função assim não precisa saber nada das vizinhas. Recebe um gradiente de cima e entrega outro para
# baixo; a regra da cadeia faz o resto. Por isso ela se encaixa em qualquer lugar, desde que você conheça
# suas derivadas parciais. Aqui está uma rede pequena com as três, e um atalho que contorna uma de suas
# camadas:
#
# $$h = \tanh(W x), \quad (h_1, h_2) = \mathrm{split}(h), \quad
# a = \mathrm{largest}(\mathrm{add}(V h_1, h_2))$$
#
# A passagem para trás, um programa compilado e um lote inteiro de uma vez são agora chamadas comuns.


# %%
def network(w, v, x):
    h1, h2 = split(jnp.tanh(w @ x))
    return largest(add(v @ h1, h2))


rng = np.random.default_rng(5)
w, v = rng.standard_normal((2, 4, 4), np.float32)
batch = rng.standard_normal((6, 4), np.float32)

values = jax.jit(jax.vmap(network, in_axes=(None, None, 0)))(w, v, batch)
gradients = jax.vmap(jax.grad(network, argnums=(0, 1)), in_axes=(None, None, 0))
to_w, to_v = jax.jit(gradients)(w, v, batch)
values, to_w.shape, to_v.shape


# %%
def network_t(w, v, x):
    h1, h2 = Split.apply(torch.tanh(w @ x))
    return Largest.apply(Add.apply(v @ h1, h2))


w_t, v_t = tracked(w), tracked(v)
values_t = [network_t(w_t, v_t, x) for x in torch.tensor(batch)]
gradients_t = [torch.autograd.grad(value, (w_t, v_t)) for value in values_t]
values_t = torch.stack(values_t).detach()
to_w_t, to_v_t = (torch.stack(parts) for parts in zip(*gradients_t, strict=True))
values_t, tuple(to_w_t.shape), tuple(to_v_t.shape)

# %% [markdown] lang="en"
# `vmap` gave each signal of the batch a gradient of its own, through functions that were written for one
# signal. In PyTorch a loop does that here; further down `torch.func.vmap` does, for functions that are
# written for it.
#
# Both libraries also draw the new operations into the graph of the program. PyTorch names a node by its
# class and JAX's graph by the function, so the names differ in a capital letter only.

# %% [markdown] lang="es"
# `vmap` le dio a cada señal del lote un gradiente propio, a través de funciones escritas para una sola
# señal. En PyTorch lo hace aquí un bucle; más abajo lo hará `torch.func.vmap`, con funciones escritas para
# ello.
#
# Las dos bibliotecas ponen además las operaciones nuevas en el grafo del programa. PyTorch nombra un nodo
# por su clase, y el grafo de JAX, por la función; así los nombres difieren solo en una mayúscula.

# %% [markdown] lang="pt"
# `vmap` deu a cada sinal do lote um gradiente próprio, através de funções escritas para um só sinal. Em
# PyTorch quem faz isso aqui é um laço; mais abaixo será `torch.func.vmap`, com funções escritas para isso.
#
# As duas bibliotecas também põem as operações novas no grafo do programa. PyTorch dá a um nó o nome da sua
# classe, e o grafo de JAX, o da função; assim os nomes diferem só em uma maiúscula.

# %%
chart = graph(network, w, v, batch[0])
show_svg(
    chart.to_svg(),
    _(
        "Flow chart of the network: W and x make a product, tanh, split; one copy is multiplied by V, "
        "add joins it with the other copy, and largest ends the chain."
    ),
)


# %%
def short(name):
    return name.rpartition(":")[2].lower().removesuffix("backward0")


def walk(node, name, found):
    parents = [parent for parent, index in node.next_functions if parent is not None]
    if node not in found:
        found[node] = ""
        names = [name(parent) for parent in parents]
        found[node] = f"{name(node)} <- {', '.join(names)}" if names else name(node)
        for parent in parents:
            walk(parent, name, found)
    return list(found.values())


end_t = network_t(w_t, v_t, tracked(batch[0])).grad_fn
walked = walk(chart.grad_fn, lambda node: short(node.name), {})
walked_t = walk(end_t, lambda node: short(node.name()), {})

# %%
print(
    assert_agree(
        jax={"a": values, "da/dW": to_w, "da/dV": to_v, "graph": walked},
        torch={"a": values_t, "da/dW": to_w_t, "da/dV": to_v_t, "graph": walked_t},
    )
)

# %% [markdown] lang="en"
# ## Straight through a step
#
# Nothing forces the backward pass to be the derivative of the forward pass. Sometimes it must not be.
#
# Say that each weight of a layer may only be $+1$ or $-1$: it fits in one bit, and multiplying becomes
# adding. You train ordinary weights $w$ and let the layer use $\mathrm{sign}(w)$. But a step is flat on
# both sides, so its derivative is 0 and nothing ever learns. The *straight-through estimator* steps
# forward and goes back as if it had not:
#
# $$y = \mathrm{sign}(w), \qquad
# \frac{\partial a}{\partial w} \leftarrow \frac{\partial a}{\partial y} \;\;\mathrm{for}\; |w| \le 1,
# \;\; 0 \;\mathrm{elsewhere}$$
#
# It is no derivative. It is a direction that works.
#
# `custom_vjp.Function` takes such a class as PyTorch does, and then `jnp` stands where `torch` stood. Here
# `forward` does not see `ctx`, and `setup_context` saves what is needed: that is how PyTorch wants it for
# `torch.func.vmap`.

# %% [markdown] lang="es"
# ## Directo a través de un escalón
#
# Nada obliga a que la pasada hacia atrás sea la derivada de la pasada hacia adelante. A veces no debe
# serlo.
#
# Supón que cada peso de una capa solo puede ser $+1$ o $-1$: cabe en un bit, y multiplicar se vuelve
# sumar. Entrenas pesos corrientes $w$ y dejas que la capa use $\mathrm{sign}(w)$. Pero un escalón es plano
# a los dos lados, así que su derivada es 0 y nada aprende nunca. El *estimador directo*
# (*straight-through*) sube el escalón hacia adelante y vuelve como si no lo hubiera:
#
# $$y = \mathrm{sign}(w), \qquad
# \frac{\partial a}{\partial w} \leftarrow \frac{\partial a}{\partial y} \;\;\mathrm{si}\; |w| \le 1,
# \;\; 0 \;\mathrm{fuera}$$
#
# No es una derivada. Es una dirección que funciona.
#
# `custom_vjp.Function` acepta una clase así igual que PyTorch, y entonces `jnp` está donde estaba `torch`.
# Aquí `forward` no ve `ctx`, y `setup_context` guarda lo que hace falta: así lo quiere PyTorch para
# `torch.func.vmap`.

# %% [markdown] lang="pt"
# ## Direto através de um degrau
#
# Nada obriga a passagem para trás a ser a derivada da passagem para frente. Às vezes ela não deve ser.
#
# Suponha que cada peso de uma camada só possa ser $+1$ ou $-1$: ele cabe em um bit, e multiplicar vira
# somar. Você treina pesos comuns $w$ e deixa a camada usar $\mathrm{sign}(w)$. Mas um degrau é plano dos
# dois lados, então sua derivada é 0 e nada aprende nunca. O *estimador direto* (*straight-through*) sobe o
# degrau para frente e volta como se ele não existisse:
#
# $$y = \mathrm{sign}(w), \qquad
# \frac{\partial a}{\partial w} \leftarrow \frac{\partial a}{\partial y} \;\;\mathrm{se}\; |w| \le 1,
# \;\; 0 \;\mathrm{fora}$$
#
# Não é uma derivada. É uma direção que funciona.
#
# `custom_vjp.Function` aceita uma classe assim do mesmo jeito que o PyTorch, e então `jnp` fica onde
# estava `torch`. Aqui `forward` não vê `ctx`, e `setup_context` guarda o que é preciso: é assim que o
# PyTorch quer para `torch.func.vmap`.


# %%
class StraightThrough(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(w):
        return jnp.sign(w)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient):
        (w,) = ctx.saved_tensors
        return gradient * (abs(w) <= 1)


points = np.float32([-2, -0.5, 0.5, 2, -1.5, 0.1, 0.9, 1.1]).reshape(2, 4)
weights = np.float32([1, 2, 3, 4])


def weighted(w):
    return weights @ StraightThrough.apply(w)


step_values = jax.jit(StraightThrough.apply)(points)
step_gradients = jax.jit(jax.vmap(jax.grad(weighted)))(points)
step_gradients


# %%
class TorchStraightThrough(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(w):
        return torch.sign(w)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient):
        (w,) = ctx.saved_tensors
        return gradient * (abs(w) <= 1)


def weighted_t(w):
    return torch.tensor(weights) @ TorchStraightThrough.apply(w)


step_values_t = TorchStraightThrough.apply(torch.tensor(points))
step_gradients_t = torch.func.vmap(torch.func.grad(weighted_t))(torch.tensor(points))
step_gradients_t

# %% [markdown] lang="en"
# Now train with it. A teacher has 4 x 16 weights of $+1$ and $-1$; 64 inputs and what the teacher makes of
# them are all that the student sees. It starts from random $w$ and takes 40 steps of gradient descent on
# the mean squared error. After each step $w$ is clipped to $[-1, 1]$: a weight beyond gets no gradient,
# and would stay there for good.
#
# The training loop is one compiled program, a `jax.lax.scan` with the function inside. Run it once more
# with `jnp.sign` itself, whose derivative is 0.

# %% [markdown] lang="es"
# Ahora entrena con él. Un maestro tiene 4 x 16 pesos de $+1$ y $-1$; 64 entradas y lo que el maestro hace
# de ellas es todo lo que ve el alumno. Empieza con un $w$ aleatorio y da 40 pasos de descenso por el
# gradiente sobre el error cuadrático medio. Después de cada paso $w$ se recorta a $[-1, 1]$: un peso más
# allá no recibe gradiente y se quedaría ahí para siempre.
#
# El bucle de entrenamiento es un solo programa compilado, un `jax.lax.scan` con la función dentro. Ejecútalo
# otra vez con `jnp.sign` a secas, cuya derivada es 0.

# %% [markdown] lang="pt"
# Agora treine com ele. Um professor tem 4 x 16 pesos de $+1$ e $-1$; 64 entradas e o que o professor faz
# delas são tudo o que o aluno vê. Ele começa com um $w$ aleatório e dá 40 passos de descida do gradiente
# sobre o erro quadrático médio. Depois de cada passo $w$ é cortado para $[-1, 1]$: um peso além disso não
# recebe gradiente e ficaria lá para sempre.
#
# O laço de treino é um só programa compilado, um `jax.lax.scan` com a função dentro. Execute-o mais uma
# vez com o próprio `jnp.sign`, cuja derivada é 0.

# %%
rng = np.random.default_rng(380)
inputs = rng.standard_normal((64, 16), np.float32)
teacher = np.sign(rng.standard_normal((4, 16), np.float32))
targets = inputs @ teacher.T
start = np.clip(0.5 * rng.standard_normal((4, 16), np.float32), -1, 1)
STEPS, RATE = 40, 0.1


def error(w, sign):
    return ((inputs @ sign(w).T - targets) ** 2).mean()


def train(sign):
    def step(w, _):
        loss, gradient = jax.value_and_grad(error)(w, sign)
        return jnp.clip(w - RATE * gradient, -1, 1), loss

    return jax.lax.scan(step, start, length=STEPS)


student, losses = jax.jit(train, static_argnums=0)(StraightThrough.apply)
stuck, flat = jax.jit(train, static_argnums=0)(jnp.sign)


def tell(losses, flat, student):
    print(_("first error: {error:.2f}").format(error=losses[0]))
    print(_("last error: {error:.2f}").format(error=losses[-1]))
    print(_("last error with sign itself: {error:.2f}").format(error=flat[-1]))
    found = (np.sign(student) == teacher).sum()
    print(_("signs as the teacher's: {found} of {all}").format(found=found, all=teacher.size))


tell(losses, flat, student)

# %%
inputs_t, targets_t = torch.tensor(inputs), torch.tensor(targets)


def train_t(sign):
    w, losses = torch.tensor(start), []
    for _ in range(STEPS):
        w.requires_grad_()
        loss = ((inputs_t @ sign(w).T - targets_t) ** 2).mean()
        (gradient,) = torch.autograd.grad(loss, w)
        w = (w - RATE * gradient).detach().clamp(-1, 1)
        losses.append(loss.detach())
    return w, torch.stack(losses)


student_t, losses_t = train_t(TorchStraightThrough.apply)
stuck_t, flat_t = train_t(torch.sign)
tell(losses_t, flat_t, student_t.numpy())

# %% tags=["hide-input"]
line = np.linspace(-2, 2, 401, dtype=np.float32)
slope = jax.vmap(jax.grad(StraightThrough.apply))(line)
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
left.plot(line, np.sign(line), color=GREY, label=_("forward"))
left.plot(line, slope, color=ORANGE, linestyle="--", lw=2, label=_("backward"))
left.set_xlabel("w")
left.set_yticks([-1, 0, 1])
left.set_title(_("A step and its stand-in"), fontsize=11)
left.legend(frameon=False, loc="lower right", fontsize=10)
right.plot(flat, color=GREY, label=_("sign itself"))
right.plot(losses, color=ORANGE, linestyle="--", lw=2, label=_("straight through"))
right.set_xlabel(_("step of training"))
right.set_ylabel(_("mean squared error"))
right.set_ylim(bottom=-1)
right.set_title(_("Training weights of one bit"), fontsize=11)
right.legend(frameon=False, loc="center right", fontsize=10)
show(
    figure,
    _(
        "Left: sign(w) jumps from -1 to 1 at 0, and the gradient that goes back is 1 between -1 and 1, "
        "0 outside. Right: with it the error falls from 30 to 0 within 15 steps; with sign itself "
        "it stays at 30."
    ),
)

# %% [markdown] lang="en"
# All 64 signs are found, and then the error is 0. With `jnp.sign` the weights end where they started.

# %% [markdown] lang="es"
# Los 64 signos aparecen todos, y entonces el error es 0. Con `jnp.sign` los pesos terminan donde empezaron.

# %% [markdown] lang="pt"
# Todos os 64 sinais são encontrados, e então o erro é 0. Com `jnp.sign` os pesos terminam onde começaram.

# %%
print(
    assert_agree(
        jax={
            "sign(w)": step_values,
            "vmap(grad(weighted))": step_gradients,
            "losses": losses,
            "student": student,
            "sign(student)": jnp.sign(student),
            "stuck": stuck,
        },
        torch={
            "sign(w)": step_values_t,
            "vmap(grad(weighted))": step_gradients_t,
            "losses": losses_t,
            "student": student_t,
            "sign(student)": teacher,
            "stuck": stuck_t,
        },
        rtol=1e-4,
        atol=1e-4,
    )
)

# %% [markdown] lang="en"
# ## Turning a gradient around
#
# The second function does nothing at all on the way forward, and on the way back it changes the sign:
#
# $$y = x, \qquad \frac{\partial a}{\partial x} \leftarrow -\lambda\, \frac{\partial a}{\partial y}$$
#
# Put it in front of a part of a network, and that part learns to lower its error while all that lies
# before it learns to *raise* that same error. One call of gradient descent plays both sides of a game.
#
# $\lambda$ is an argument of `forward` too; it needs no gradient, so `backward` returns `None` for it.

# %% [markdown] lang="es"
# ## Darle la vuelta a un gradiente
#
# La segunda función no hace nada en absoluto hacia adelante, y hacia atrás cambia el signo:
#
# $$y = x, \qquad \frac{\partial a}{\partial x} \leftarrow -\lambda\, \frac{\partial a}{\partial y}$$
#
# Ponla delante de una parte de una red: esa parte aprende a bajar su error, mientras que todo lo que está
# antes aprende a *subir* ese mismo error. Un solo descenso por el gradiente juega los dos lados de una
# partida.
#
# $\lambda$ también es un argumento de `forward`; no necesita gradiente, así que `backward` devuelve `None`
# para ella.

# %% [markdown] lang="pt"
# ## Virar um gradiente ao contrário
#
# A segunda função não faz absolutamente nada para frente, e para trás troca o sinal:
#
# $$y = x, \qquad \frac{\partial a}{\partial x} \leftarrow -\lambda\, \frac{\partial a}{\partial y}$$
#
# Coloque-a na frente de uma parte de uma rede: essa parte aprende a diminuir o seu erro, enquanto tudo o
# que vem antes aprende a *aumentar* esse mesmo erro. Uma só descida do gradiente joga dos dois lados de
# uma partida.
#
# $\lambda$ também é um argumento de `forward`; não precisa de gradiente, então `backward` devolve `None`
# para ela.


# %%
class Reversal(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x, scale):
        return x.reshape(x.shape)

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, ctx.scale = inputs

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.scale * gradient, None


def reversed_squares(x):
    return (Reversal.apply(x, 0.5) ** 2).sum()


turned = jax.jit(Reversal.apply, static_argnums=1)(points, 0.5)
turned_gradients = jax.jit(jax.vmap(jax.grad(reversed_squares)))(points)
turned_gradients


# %%
class TorchReversal(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x, scale):
        return x.reshape(x.shape)

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, ctx.scale = inputs

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.scale * gradient, None


def reversed_squares_t(x):
    return (TorchReversal.apply(x, 0.5) ** 2).sum()


turned_t = TorchReversal.apply(torch.tensor(points), 0.5)
of_each = torch.func.vmap(torch.func.grad(reversed_squares_t))
turned_gradients_t = of_each(torch.tensor(points))
turned_gradients_t

# %% [markdown] lang="en"
# What is it good for? Pictures from two cameras show the same two kinds of thing, and you want features
# that tell the things apart and *not* the cameras. In the domain-adversarial recipe a network has two
# heads on shared features $f = W x$: one guesses the label, the other, behind a reversal, the domain. The
# domain head searches for any trace of the camera; what reaches $W$ from there is turned around, and
# erases it.
#
# Here is the smallest such network: 120 points in the plane, labels and domains $+1$ or $-1$, a 2 x 2
# matrix $W$ that starts at the identity, and two linear heads with the logistic loss. The domain head
# takes steps ten times as large as the rest and is kept small by a penalty; without that the game goes
# round in circles.

# %% [markdown] lang="es"
# ¿Para qué sirve? Las imágenes de dos cámaras muestran las mismas dos clases de cosas, y quieres
# características que distingan las cosas y *no* las cámaras. En la receta adversaria de dominios una red
# tiene dos cabezas sobre características compartidas $f = W x$: una adivina la etiqueta; la otra, detrás
# de una inversión, el dominio. La cabeza del dominio busca cualquier rastro de la cámara; lo que desde ahí
# llega a $W$ viene dado la vuelta, y lo borra.
#
# Aquí tienes la menor de esas redes: 120 puntos en el plano, etiquetas y dominios $+1$ o $-1$, una matriz
# $W$ de 2 x 2 que empieza en la identidad, y dos cabezas lineales con la pérdida logística. La cabeza del
# dominio da pasos diez veces más grandes que el resto, y una penalización la mantiene pequeña; sin eso la
# partida da vueltas en círculo.

# %% [markdown] lang="pt"
# Para que serve? As imagens de duas câmeras mostram os mesmos dois tipos de coisa, e você quer
# características que distingam as coisas e *não* as câmeras. Na receita adversária de domínios uma rede
# tem duas cabeças sobre características compartilhadas $f = W x$: uma adivinha o rótulo; a outra, atrás de
# uma inversão, o domínio. A cabeça do domínio procura qualquer vestígio da câmera; o que dali chega a $W$
# vem virado ao contrário, e o apaga.
#
# Aqui está a menor dessas redes: 120 pontos no plano, rótulos e domínios $+1$ ou $-1$, uma matriz $W$ de
# 2 x 2 que começa na identidade, e duas cabeças lineares com a perda logística. A cabeça do domínio dá
# passos dez vezes maiores que o resto, e uma penalidade a mantém pequena; sem isso a partida anda em
# círculos.

# %%
rng = np.random.default_rng(0)
label = np.tile(np.float32([-1, 1]), 60)
domain = np.repeat(np.float32([-1, 1]), 60)
samples = 0.5 * rng.standard_normal((120, 2), np.float32)
samples += np.outer(label, np.float32([1, 0.5])) + np.outer(domain, np.float32([-0.5, 1]))

first = {"W": np.eye(2, dtype=np.float32), "label": np.zeros(2, np.float32)}
first["domain"] = np.zeros(2, np.float32)
rates = {"W": 0.05, "label": 0.05, "domain": 0.5}
PENALTY, ROUNDS = 0.2, 300


def logistic(scores, truth):
    return jnp.logaddexp(0, -truth * scores).mean()


def losses_of_heads(params, scale):
    features = samples @ params["W"].T
    of_label = logistic(features @ params["label"], label)
    behind = Reversal.apply(features, scale)
    of_domain = logistic(behind @ params["domain"], domain)
    return of_label, of_domain


def total(params, scale):
    return sum(losses_of_heads(params, scale)) + PENALTY * (params["domain"] ** 2).sum()


def play(scale):
    def step(params, _):
        gradients = jax.grad(total)(params, scale)
        params = {name: params[name] - rates[name] * gradients[name] for name in params}
        return params, losses_of_heads(params, scale)[1]

    return jax.lax.scan(step, first, length=ROUNDS)


scales = np.float32([0, 1])
ends, domain_losses = jax.jit(jax.vmap(play))(scales)
ends["W"]

# %% [markdown] lang="en"
# Both games, $\lambda = 0$ and $\lambda = 1$, were played side by side in one compiled program: `vmap` goes
# over $\lambda$, which the function merely kept on `ctx`. In PyTorch they are played one after the other.

# %% [markdown] lang="es"
# Las dos partidas, $\lambda = 0$ y $\lambda = 1$, se jugaron una al lado de la otra en un solo programa
# compilado: `vmap` recorre $\lambda$, que la función solo había guardado en `ctx`. En PyTorch se juegan
# una después de la otra.

# %% [markdown] lang="pt"
# As duas partidas, $\lambda = 0$ e $\lambda = 1$, foram jogadas lado a lado em um só programa compilado:
# `vmap` percorre $\lambda$, que a função apenas tinha guardado em `ctx`. Em PyTorch elas são jogadas uma
# depois da outra.

# %%
samples_t, label_t, domain_t = map(torch.tensor, (samples, label, domain))


def logistic_t(scores, truth):
    return torch.nn.functional.softplus(-truth * scores).mean()


def losses_of_heads_t(params, scale):
    features = samples_t @ params["W"].T
    of_label = logistic_t(features @ params["label"], label_t)
    behind = TorchReversal.apply(features, scale)
    of_domain = logistic_t(behind @ params["domain"], domain_t)
    return of_label, of_domain


def total_t(params, scale):
    return sum(losses_of_heads_t(params, scale)) + PENALTY * (params["domain"] ** 2).sum()


def play_t(scale):
    params = {name: torch.tensor(value) for name, value in first.items()}
    found = []
    for _ in range(ROUNDS):
        gradients = torch.func.grad(total_t)(params, scale)
        params = {name: params[name] - rates[name] * gradients[name] for name in params}
        found.append(losses_of_heads_t(params, scale)[1])
    return params, torch.stack(found)


ends_t, domain_losses_t = zip(*(play_t(float(scale)) for scale in scales), strict=True)
ends_t = {name: torch.stack([end[name] for end in ends_t]) for name in first}
ends_t["W"]

# %% tags=["hide-input"]
figure, every = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained")
for axes, w_end, scale in zip(every, np.asarray(ends["W"]), scales, strict=True):
    features = samples @ w_end.T
    for side, colour, camera in ((-1, BLUE, _("domain -1")), (1, ORANGE, _("domain +1"))):
        for kind, marker in ((-1, "o"), (1, "^")):
            chosen = features[(domain == side) & (label == kind)]
            name = _("{camera}, label {kind:+d}").format(camera=camera, kind=kind)
            axes.plot(*chosen.T, marker, color=colour, ms=5, alpha=0.75, mew=0, label=name)
    axes.set_title(f"$\\lambda$ = {scale:g}", fontsize=11)
    axes.set_xlabel(_("first feature"))
every[0].set_ylabel(_("second feature"))
figure.legend(
    *every[0].get_legend_handles_labels(),
    loc="outside lower center",
    ncols=2,
    frameon=False,
    fontsize=10,
)
show(
    figure,
    _(
        "The 120 points as features, after training. With lambda 0 the two domains are apart from each "
        "other, one above the other, and so are the labels. With lambda 1 the points lie on "
        "one line: the labels are at its two ends, and the domains mixed."
    ),
)


# %%
def distance(truth, features):
    """Return how far apart the mean features of the two sides are."""
    return np.linalg.norm(features[truth == 1].mean(0) - features[truth == -1].mean(0))


for scale, w_end, loss in zip(scales, np.asarray(ends["W"]), domain_losses[:, -1], strict=True):
    features = samples @ w_end.T
    print(f"λ = {scale:g}")
    print(_("  loss of the domain head: {loss:.2f}").format(loss=loss))
    print(_("  distance of the labels: {gap:.2f}").format(gap=distance(label, features)))
    print(_("  distance of the domains: {gap:.2f}").format(gap=distance(domain, features)))

# %% [markdown] lang="en"
# With $\lambda = 1$ the loss of the domain head ends at 0.69, which is $\ln(2)$: the loss of tossing a coin.
# It is not that the head plays badly. If the features of both domains had the very same mean, the gradient
# of a linear head would vanish at zero, and because its loss is convex, no linear head would beat the
# coin. Here the means are still 0.08 apart, instead of 2.38: too little for a head that is kept small. The
# labels stay as far apart as they were.
#
# The last comparison also looks into the first gradient of $W$ at heads that are not zero: the label's
# part is the ordinary one, the domain's part is multiplied by $-\lambda$.

# %% [markdown] lang="es"
# Con $\lambda = 1$ la pérdida de la cabeza del dominio termina en 0,69, que es $\ln(2)$: la pérdida de
# lanzar una moneda. No es que la cabeza juegue mal. Si las características de los dos dominios tuvieran
# exactamente la misma media, el gradiente de una cabeza lineal se anularía en cero y, como su pérdida es
# convexa, ninguna cabeza lineal ganaría a la moneda. Aquí las medias aún distan 0,08, en lugar de 2,38:
# muy poco para una cabeza que se mantiene pequeña. Las etiquetas siguen tan separadas como estaban.
#
# La última comparación mira además el primer gradiente de $W$ con cabezas que no son cero: la parte de la
# etiqueta es la corriente; la del dominio está multiplicada por $-\lambda$.

# %% [markdown] lang="pt"
# Com $\lambda = 1$ a perda da cabeça do domínio termina em 0,69, que é $\ln(2)$: a perda de jogar uma
# moeda. Não é que a cabeça jogue mal. Se as características dos dois domínios tivessem exatamente a
# mesma média, o gradiente de uma cabeça linear se anularia em zero e, como a perda é convexa, nenhuma
# cabeça linear ganharia da moeda. Aqui as médias ainda distam 0,08, em vez de 2,38: muito pouco para uma
# cabeça que é mantida pequena. Os rótulos continuam tão separados quanto estavam.
#
# A última comparação olha também para o primeiro gradiente de $W$ com cabeças que não são zero: a parte do
# rótulo é a comum; a do domínio está multiplicada por $-\lambda$.

# %%
heads = {**first, "label": np.float32([1, -2]), "domain": np.float32([0.5, 1])}
heads_t = {name: torch.tensor(value) for name, value in heads.items()}
to_shared = jax.jit(jax.jacrev(losses_of_heads))(heads, 0.3)
to_shared_t = torch.func.jacrev(losses_of_heads_t)(heads_t, 0.3)

print(
    assert_agree(
        jax={
            "Reversal(x)": turned,
            "vmap(grad(reversed_squares))": turned_gradients,
            "d of_label / dW": to_shared[0]["W"],
            "d of_domain / dW": to_shared[1]["W"],
            "d of_domain / d head": to_shared[1]["domain"],
            "W": ends["W"],
            "of_domain": domain_losses,
        },
        torch={
            "Reversal(x)": turned_t,
            "vmap(grad(reversed_squares))": turned_gradients_t,
            "d of_label / dW": to_shared_t[0]["W"],
            "d of_domain / dW": to_shared_t[1]["W"],
            "d of_domain / d head": to_shared_t[1]["domain"],
            "W": ends_t["W"],
            "of_domain": torch.stack(domain_losses_t),
        },
        rtol=1e-3,
        atol=1e-3,
    )
)

# %% [markdown] lang="en"
# Five functions, and one contract: a forward pass, and a rule for what comes back. Next is the question
# why a network would choose a convolution in the first place:
# [Why convolution](04_why_convolution.ipynb).

# %% [markdown] lang="es"
# Cinco funciones y un solo contrato: una pasada hacia adelante, y una regla para lo que vuelve. Lo
# siguiente es la pregunta de por qué una red elegiría una convolución:
# [Por qué la convolución](04_why_convolution.ipynb).

# %% [markdown] lang="pt"
# Cinco funções e um só contrato: uma passagem para frente, e uma regra para o que volta. A seguir vem a
# pergunta de por que uma rede escolheria uma convolução:
# [Por que a convolução](04_why_convolution.ipynb).
