# %% [markdown] lang="en"
# # Automatic differentiation
#
# A program that computes a number can also compute how that number changes with each of its inputs. This
# notebook takes one small gradient by hand and by program, looks at the graph behind it, goes back through
# a loop whose length nobody knows beforehand, and shows what is tracked and what is not: each time in JAX,
# and beside it in PyTorch.
#
# It follows the second half of practicum 05-3 of NYU Deep Learning, "Understanding convolutions and the
# automatic differentiation engine", by Alfredo Canziani. Before it comes
# [Convolutions](01_convolutions.ipynb), but you can also begin here. After it comes
# [Functions with a gradient of their own](03_custom_gradients.ipynb).

# %% [markdown] lang="es"
# # Diferenciación automática
#
# Un programa que calcula un número también puede calcular cómo cambia ese número con cada una de sus
# entradas. Este cuaderno obtiene un gradiente pequeño a mano y por programa, mira el grafo que hay detrás,
# retrocede por un bucle cuya longitud nadie conoce de antemano y muestra qué se rastrea y qué no: cada vez
# en JAX y, al lado, en PyTorch.
#
# Sigue la segunda mitad de la práctica 05-3 de NYU Deep Learning, "Understanding convolutions and the
# automatic differentiation engine", de Alfredo Canziani. Antes viene
# [Convoluciones](01_convolutions.ipynb), pero también puedes empezar aquí. Después viene
# [Funciones con gradiente propio](03_custom_gradients.ipynb).

# %% [markdown] lang="pt"
# # Diferenciação automática
#
# Um programa que calcula um número também pode calcular como esse número muda com cada uma de suas
# entradas. Este caderno obtém um pequeno gradiente à mão e por programa, olha o grafo que está por trás
# dele, volta por um laço cujo comprimento ninguém conhece de antemão e mostra o que é rastreado e o que
# não é: cada vez em JAX e, ao lado, em PyTorch.
#
# Ele segue a segunda metade da prática 05-3 de NYU Deep Learning, "Understanding convolutions and the
# automatic differentiation engine", de Alfredo Canziani. Antes dele vem
# [Convoluções](01_convolutions.ipynb), mas você também pode começar por aqui. Depois vem
# [Funções com gradiente próprio](03_custom_gradients.ipynb).

# %%
from textwrap import fill

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import torch

import grad
from compare import assert_agree
from compare.notebook import show, show_svg
from custom_vjp import Function

# %% [markdown] lang="en"
# ## One gradient, by hand and by program
#
# Take a matrix $x$ of four numbers, and make a single number $a$ of it in three steps:
#
# $$y_i = x_i - 2, \quad z_i = 3 y_i^2, \quad a = \frac{1}{4} (z_1 + z_2 + z_3 + z_4)$$
#
# How much does $a$ change when one $x_i$ changes a little? Each step has a simple derivative of its own,
# and the chain rule multiplies them:
#
# $$\frac{\partial a}{\partial x_i} = \frac{\partial a}{\partial z_i} \, \frac{\partial z_i}{\partial y_i} \, \frac{\partial y_i}{\partial x_i} = \frac{1}{4} \cdot 6 y_i \cdot 1 = \frac{3}{2} (x_i - 2) = \frac{3}{2} x_i - 3$$
#
# For the numbers of the lecture that gives
#
# $$x = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}, \quad a = \frac{3 + 0 + 3 + 12}{4} = \frac{9}{2}, \quad \frac{\partial a}{\partial x} = \begin{pmatrix} -\frac{3}{2} & 0 \\ \frac{3}{2} & 3 \end{pmatrix}$$
#
# In JAX the program is a function, and `jax.grad` makes a second function of it, one that returns the
# gradient. `grad.backward` returns what PyTorch leaves in `x.grad`. PyTorch itself records the steps while
# it computes them, for every tensor made with `requires_grad=True`; `backward` then walks the record from
# its end to its beginning, and adds what it finds to `x.grad`.

# %% [markdown] lang="es"
# ## Un gradiente, a mano y por programa
#
# Toma una matriz $x$ de cuatro números y obtén de ella un solo número $a$ en tres pasos:
#
# $$y_i = x_i - 2, \quad z_i = 3 y_i^2, \quad a = \frac{1}{4} (z_1 + z_2 + z_3 + z_4)$$
#
# ¿Cuánto cambia $a$ cuando un $x_i$ cambia un poco? Cada paso tiene una derivada sencilla, y la regla de la
# cadena las multiplica:
#
# $$\frac{\partial a}{\partial x_i} = \frac{\partial a}{\partial z_i} \, \frac{\partial z_i}{\partial y_i} \, \frac{\partial y_i}{\partial x_i} = \frac{1}{4} \cdot 6 y_i \cdot 1 = \frac{3}{2} (x_i - 2) = \frac{3}{2} x_i - 3$$
#
# Con los números de la clase resulta
#
# $$x = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}, \quad a = \frac{3 + 0 + 3 + 12}{4} = \frac{9}{2}, \quad \frac{\partial a}{\partial x} = \begin{pmatrix} -\frac{3}{2} & 0 \\ \frac{3}{2} & 3 \end{pmatrix}$$
#
# En JAX el programa es una función, y `jax.grad` hace de ella otra función, la que devuelve el gradiente.
# `grad.backward` devuelve lo que PyTorch deja en `x.grad`. El propio PyTorch anota los pasos mientras los
# calcula, para cada tensor creado con `requires_grad=True`; después, `backward` recorre lo anotado del
# final al principio y suma lo que encuentra a `x.grad`.

# %% [markdown] lang="pt"
# ## Um gradiente, à mão e por programa
#
# Tome uma matriz $x$ de quatro números e obtenha dela um único número $a$ em três passos:
#
# $$y_i = x_i - 2, \quad z_i = 3 y_i^2, \quad a = \frac{1}{4} (z_1 + z_2 + z_3 + z_4)$$
#
# Quanto muda $a$ quando um $x_i$ muda um pouco? Cada passo tem uma derivada simples, e a regra da cadeia as
# multiplica:
#
# $$\frac{\partial a}{\partial x_i} = \frac{\partial a}{\partial z_i} \, \frac{\partial z_i}{\partial y_i} \, \frac{\partial y_i}{\partial x_i} = \frac{1}{4} \cdot 6 y_i \cdot 1 = \frac{3}{2} (x_i - 2) = \frac{3}{2} x_i - 3$$
#
# Com os números da aula, isso dá
#
# $$x = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}, \quad a = \frac{3 + 0 + 3 + 12}{4} = \frac{9}{2}, \quad \frac{\partial a}{\partial x} = \begin{pmatrix} -\frac{3}{2} & 0 \\ \frac{3}{2} & 3 \end{pmatrix}$$
#
# Em JAX o programa é uma função, e `jax.grad` faz dela outra função, a que devolve o gradiente.
# `grad.backward` devolve o que o PyTorch deixa em `x.grad`. O próprio PyTorch anota os passos enquanto os
# calcula, para cada tensor criado com `requires_grad=True`; depois, `backward` percorre o que foi anotado
# do fim ao começo e soma o que encontra a `x.grad`.


# %%
def mean_of_squares(x):
    y = x - 2
    z = y * y * 3
    return z.mean()


x = jnp.array([[1.0, 2.0], [3.0, 4.0]])
a, gradient = jax.jit(jax.value_and_grad(mean_of_squares))(x)
backward = grad.backward(mean_of_squares, x)
by_hand = 1.5 * x - 3
print("a =", a)
print("jax.grad:", gradient, "grad.backward:", backward, sep="\n")
print("3/2 x - 3:", by_hand, sep="\n")

# %%
xt = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
yt = xt - 2
zt = yt * yt * 3
at = zt.mean()
at.backward()
(gradient_t,) = torch.autograd.grad(mean_of_squares(xt), xt)  # the function takes both
by_hand_t = 1.5 * xt.detach() - 3
print("a =", at.item())
print("autograd.grad:", gradient_t, "x.grad:", xt.grad, sep="\n")
print("3/2 x - 3:", by_hand_t, sep="\n")

# %%
print(
    assert_agree(
        jax={"a": a, "grad": gradient, "backward": backward, "3/2 x-3": by_hand},
        torch={"a": at, "grad": gradient_t, "backward": xt.grad, "3/2 x-3": by_hand_t},
    )
)
assert (gradient == by_hand).all()

# %% [markdown] lang="en"
# ## The graph behind a value
#
# Behind $y = x - 2$ PyTorch keeps a note of the operation that made it, `y.grad_fn`. From there
# `next_functions` leads one step back, and `variable` to the tensor where it all began. Nothing made `x`
# itself: its `grad_fn` is `None`.
#
# A JAX array keeps no notes. But JAX can trace a function, that is, run it once to see of which operations
# it consists; `grad.graph` reads the graph off that trace, and gives the operations PyTorch's names.

# %% [markdown] lang="es"
# ## El grafo detrás de un valor
#
# Detrás de $y = x - 2$, PyTorch guarda una nota de la operación que lo produjo, `y.grad_fn`. Desde allí
# `next_functions` lleva un paso atrás, y `variable` al tensor donde empezó todo. A `x` no lo produjo nada:
# su `grad_fn` es `None`.
#
# Un arreglo de JAX no guarda notas. Pero JAX puede trazar una función, es decir, ejecutarla una vez para
# ver de qué operaciones consta; `grad.graph` lee el grafo en esa traza y da a las operaciones los nombres
# de PyTorch.

# %% [markdown] lang="pt"
# ## O grafo por trás de um valor
#
# Por trás de $y = x - 2$, o PyTorch guarda uma nota da operação que o produziu, `y.grad_fn`. Dali,
# `next_functions` leva um passo para trás, e `variable`, ao tensor em que tudo começou. Nada produziu `x`:
# seu `grad_fn` é `None`.
#
# Um array de JAX não guarda notas. Mas o JAX pode traçar uma função, isto é, executá-la uma vez para ver de
# que operações ela consiste; `grad.graph` lê o grafo nesse traçado e dá às operações os nomes do PyTorch.


# %%
def minus_two(x):
    return x - 2


def identity(x):
    return x


made_by = grad.graph(minus_two, x).grad_fn
before = made_by.next_functions[0][0]
beginning = grad.graph(identity, x).grad_fn
print("y.grad_fn:", made_by.name)
print("next_functions:", before.name)
print("variable is x:", before.variable is x)
print("x.grad_fn:", beginning)

# %%
made_by_t = yt.grad_fn
before_t = made_by_t.next_functions[0][0]
print("y.grad_fn:", made_by_t.name())
print("next_functions:", before_t.name())
print("variable is x:", before_t.variable is xt)
print("x.grad_fn:", xt.grad_fn)

# %% [markdown] lang="en"
# Now the whole program. What JAX traced are primitive operations: a subtraction, two multiplications, and a
# mean, which JAX takes as a sum and a division. `listing` walks from the result back to `x`, and writes
# beside each node what it was computed from. `None` stands for a constant, such as the $2$ in $x - 2$.

# %% [markdown] lang="es"
# Ahora, el programa entero. Lo que JAX trazó son operaciones primitivas: una resta, dos multiplicaciones y
# una media, que JAX calcula como una suma y una división. `listing` camina desde el resultado hacia atrás
# hasta `x` y escribe junto a cada nodo aquello de lo que se calculó. `None` representa una constante, como
# el $2$ en $x - 2$.

# %% [markdown] lang="pt"
# Agora, o programa inteiro. O que o JAX traçou são operações primitivas: uma subtração, duas multiplicações
# e uma média, que o JAX calcula como uma soma e uma divisão. `listing` caminha do resultado para trás até
# `x` e escreve ao lado de cada nó aquilo de que ele foi calculado. `None` representa uma constante, como o
# $2$ em $x - 2$.


# %%
def name(node):
    if node is None:
        return "None"
    text = node.name() if callable(node.name) else node.name  # a method in PyTorch
    return text.removeprefix("torch::autograd::")


def listing(node):
    lines = []
    while node.next_functions:
        parents = [parent for parent, _ in node.next_functions]
        lines.append(f"{name(node)} <- {', '.join(map(name, parents))}")
        node = parents[0]
    return "\n".join(lines)


graph = grad.graph(mean_of_squares, x)
print(*[equation.primitive for equation in jax.make_jaxpr(mean_of_squares)(x).eqns])
print(listing(graph.grad_fn))

# %%
print(listing(at.grad_fn))

# %% [markdown] lang="en"
# Drawn in the direction of the computation, the graph is a flow chart. Two arrows lead into the first
# product, because $y$ is multiplied by itself. So two ways lead from $a$ back to $y$, each brings $y$, and
# what arrives is their sum: that is where the $2$ in the derivative of $y^2$ comes from.
#
# Try it: with `3 * y * y` in place of `y * y * 3` the gradient stays the same, and the graph changes.

# %% [markdown] lang="es"
# Dibujado en el sentido del cálculo, el grafo es un diagrama de flujo. Dos flechas entran en el primer
# producto, porque $y$ se multiplica por sí mismo. Así, dos caminos llevan de $a$ hacia atrás hasta $y$,
# cada uno trae $y$, y lo que llega es su suma: de ahí viene el $2$ en la derivada de $y^2$.
#
# Pruébalo: con `3 * y * y` en lugar de `y * y * 3` el gradiente sigue siendo el mismo y el grafo cambia.

# %% [markdown] lang="pt"
# Desenhado no sentido do cálculo, o grafo é um fluxograma. Duas setas entram no primeiro produto, porque
# $y$ é multiplicado por si mesmo. Assim, dois caminhos levam de $a$ para trás até $y$, cada um traz $y$, e
# o que chega é a soma deles: é daí que vem o $2$ na derivada de $y^2$.
#
# Experimente: com `3 * y * y` no lugar de `y * y * 3` o gradiente continua o mesmo e o grafo muda.

# %%
show_svg(
    graph.to_svg(),
    alt=_("Flow chart, top to bottom: x, Sub, Mul with two arrows in, Mul, Mean."),
)

# %%
print(
    assert_agree(
        jax={
            "y.grad_fn": made_by.name,
            "variable is x": before.variable is x,
            "x.grad_fn": beginning,
            "listing": listing(graph.grad_fn).replace("Backward0", "").splitlines(),
        },
        torch={
            "y.grad_fn": made_by_t.name(),
            "variable is x": before_t.variable is xt,
            "x.grad_fn": xt.grad_fn,
            "listing": listing(at.grad_fn).replace("Backward0", "").splitlines(),
        },
    )
)

# %% [markdown] lang="en"
# ## The right Jacobian is the transpose
#
# For a function from $\mathbb{R}^n$ to $\mathbb{R}^m$ the Jacobian $J$ has one row for each output and one
# column for each input: a small step $dx$ changes the outputs by $dy = J \, dx$. Our $a$ is one number made
# of four, so its Jacobian is a row:
#
# $$J = \begin{pmatrix} -\frac{3}{2} & 0 & \frac{3}{2} & 3 \end{pmatrix}$$
#
# Yet both libraries return the gradient in the shape of the data, which is what a step downhill needs,
# `x - rate * gradient`. Written as a column, it is $J^\top$. With that in mind, the right Jacobian is the
# transpose of what you are given.

# %% [markdown] lang="es"
# ## La jacobiana correcta es la transpuesta
#
# Para una función de $\mathbb{R}^n$ en $\mathbb{R}^m$, la matriz jacobiana $J$ tiene una fila por cada
# salida y una columna por cada entrada: un pequeño paso $dx$ cambia las salidas en $dy = J \, dx$. Nuestro
# $a$ es un número hecho de cuatro, así que su jacobiana es una fila:
#
# $$J = \begin{pmatrix} -\frac{3}{2} & 0 & \frac{3}{2} & 3 \end{pmatrix}$$
#
# Sin embargo, ambas bibliotecas devuelven el gradiente con la forma de los datos, que es la que necesita un
# paso cuesta abajo, `x - rate * gradient`. Escrito como columna, es $J^\top$. Visto así, la jacobiana
# correcta es la transpuesta de lo que recibes.

# %% [markdown] lang="pt"
# ## A jacobiana correta é a transposta
#
# Para uma função de $\mathbb{R}^n$ em $\mathbb{R}^m$, a matriz jacobiana $J$ tem uma linha para cada saída e
# uma coluna para cada entrada: um pequeno passo $dx$ muda as saídas em $dy = J \, dx$. Nosso $a$ é um número
# feito de quatro, portanto sua jacobiana é uma linha:
#
# $$J = \begin{pmatrix} -\frac{3}{2} & 0 & \frac{3}{2} & 3 \end{pmatrix}$$
#
# No entanto, ambas as bibliotecas devolvem o gradiente na forma dos dados, que é a de que precisa um passo
# ladeira abaixo, `x - rate * gradient`. Escrito como coluna, ele é $J^\top$. Visto assim, a jacobiana
# correta é a transposta do que você recebe.


# %%
def flat(v):  # from four numbers to one, as vectors
    return mean_of_squares(v.reshape(2, 2))[None]


row = jax.jit(jax.jacobian(flat))(x.ravel())
print("J:", row, row.shape, sep="\n")
print("da/dx:", gradient, gradient.shape, sep="\n")
print("J.T == da/dx:", bool((row.T.reshape(2, 2) == gradient).all()))

# %%
row_t = torch.autograd.functional.jacobian(flat, xt.detach().ravel())
print("J:", row_t, tuple(row_t.shape), sep="\n")
print("da/dx:", xt.grad, tuple(xt.grad.shape), sep="\n")
print("J.T == da/dx:", bool((row_t.T.reshape(2, 2) == xt.grad).all()))

# %% [markdown] lang="en"
# Several outputs mean several rows, and a vector $v$ has to say how much each output counts. Going back
# then gives $J^\top v$, the vector-Jacobian product, without making the matrix $J$ at all. For $y = W x$ the
# Jacobian is $W$ itself, which makes it easy to check:
#
# $$W = \begin{pmatrix} 1 & 2 & 3 \\ 4 & 5 & 6 \end{pmatrix}, \quad v = \begin{pmatrix} 1 \\ 10 \end{pmatrix}, \quad J^\top v = W^\top v = \begin{pmatrix} 41 \\ 52 \\ 63 \end{pmatrix}$$

# %% [markdown] lang="es"
# Varias salidas significan varias filas, y un vector $v$ tiene que decir cuánto cuenta cada salida.
# Retroceder da entonces $J^\top v$, el producto vector-jacobiana, sin formar nunca la matriz $J$. Para
# $y = W x$ la jacobiana es la propia $W$, lo que hace fácil comprobarlo:
#
# $$W = \begin{pmatrix} 1 & 2 & 3 \\ 4 & 5 & 6 \end{pmatrix}, \quad v = \begin{pmatrix} 1 \\ 10 \end{pmatrix}, \quad J^\top v = W^\top v = \begin{pmatrix} 41 \\ 52 \\ 63 \end{pmatrix}$$

# %% [markdown] lang="pt"
# Várias saídas significam várias linhas, e um vetor $v$ tem de dizer quanto conta cada saída. Voltar dá
# então $J^\top v$, o produto vetor-jacobiana, sem nunca formar a matriz $J$. Para $y = W x$ a jacobiana é a
# própria $W$, o que torna fácil conferir:
#
# $$W = \begin{pmatrix} 1 & 2 & 3 \\ 4 & 5 & 6 \end{pmatrix}, \quad v = \begin{pmatrix} 1 \\ 10 \end{pmatrix}, \quad J^\top v = W^\top v = \begin{pmatrix} 41 \\ 52 \\ 63 \end{pmatrix}$$

# %%
W = jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def times_w(x):
    return W @ x


matrix = jax.jit(lambda x: grad.jacobian(times_w, x))(jnp.ones(3))
v = jnp.array([1.0, 10.0])
y, product = grad.vjp(times_w, jnp.ones(3), v)
print("J:", matrix, "J.T v:", product, sep="\n")

# %%
Wt = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def times_w_t(x):
    return Wt @ x


matrix_t = torch.autograd.functional.jacobian(times_w_t, torch.ones(3))
vt = torch.tensor([1.0, 10.0])
yt, product_t = torch.autograd.functional.vjp(times_w_t, torch.ones(3), vt)
print("J:", matrix_t, "J.T v:", product_t, sep="\n")

# %%
print(
    assert_agree(
        jax={"J": row, "da/dx": gradient, "W": matrix, "y": y, "W.T v": product},
        torch={"J": row_t, "da/dx": xt.grad, "W": matrix_t, "y": yt, "W.T v": product_t},
    )
)

# %% [markdown] lang="en"
# ## From basic to crazy: a loop of unknown length
#
# Draw $x$ at random, double it, and go on doubling for as long as its norm is below $1000$. How many times
# is that? It depends on $x$, and is known only once the program has run. If the loop doubled $i$ times, then
#
# $$y = 2^{i+1} x, \quad J = 2^{i+1} I, \quad J^\top v = 2^{i+1} v$$
#
# For PyTorch this is no trouble: the loop is one of Python, and each round leaves one more multiplication
# in the record. A compiled JAX program contains the loop itself, `jax.lax.while_loop`. How long that will
# run is not known when the program is compiled, and so neither is the memory for the way back: reverse mode
# refuses. `grad.while_loop` takes the same arguments; it keeps some of the states on the way forward, and
# recomputes the others on the way back.

# %% [markdown] lang="es"
# ## De lo básico a lo más loco: un bucle de longitud desconocida
#
# Toma $x$ al azar, duplícalo y sigue duplicando mientras su norma sea menor que $1000$. ¿Cuántas veces son?
# Depende de $x$, y solo se sabe cuando el programa ha terminado. Si el bucle duplicó $i$ veces, entonces
#
# $$y = 2^{i+1} x, \quad J = 2^{i+1} I, \quad J^\top v = 2^{i+1} v$$
#
# Para PyTorch no es ningún problema: el bucle es de Python, y cada vuelta deja una multiplicación más entre
# lo anotado. Un programa compilado de JAX contiene el propio bucle, `jax.lax.while_loop`. Cuánto durará no
# se sabe al compilar el programa, y por tanto tampoco la memoria para el camino de vuelta: el modo inverso
# se niega. `grad.while_loop` recibe los mismos argumentos; guarda algunos de los estados en el camino de
# ida y vuelve a calcular los demás en el de vuelta.

# %% [markdown] lang="pt"
# ## Do básico ao mais louco: um laço de comprimento desconhecido
#
# Sorteie $x$, dobre-o e continue dobrando enquanto sua norma for menor que $1000$. Quantas vezes são?
# Depende de $x$, e só se sabe quando o programa terminou. Se o laço dobrou $i$ vezes, então
#
# $$y = 2^{i+1} x, \quad J = 2^{i+1} I, \quad J^\top v = 2^{i+1} v$$
#
# Para o PyTorch isso não é problema: o laço é de Python, e cada volta deixa mais uma multiplicação no que
# foi anotado. Um programa compilado de JAX contém o próprio laço, `jax.lax.while_loop`. Quanto ele vai durar
# não se sabe ao compilar o programa e, portanto, tampouco a memória para o caminho de volta: o modo reverso
# se recusa. `grad.while_loop` recebe os mesmos argumentos; guarda alguns dos estados no caminho de ida e
# recalcula os outros no de volta.

# %%
draw = np.random.default_rng(42).standard_normal(3).astype(np.float32)
x, v = jnp.asarray(draw), jnp.array([0.1, 1.0, 0.0001])


def is_short(state):
    return jnp.linalg.norm(state[0]) < 1000


def double(state):
    y, i = state
    return 2 * y, i + 1


def there_and_back(while_loop, x, v):
    def there(x):
        return while_loop(is_short, double, (2 * x, 0))

    y, back, i = jax.vjp(there, x, has_aux=True)
    return y, i, back(v)[0]


compiled = jax.jit(there_and_back, static_argnums=0)
try:
    compiled(jax.lax.while_loop, x, v)
except ValueError as error:
    print(fill(str(error), 80))
y, i, gradient = compiled(grad.while_loop, x, v)
print("i =", i)
print("J.T v:", gradient)

# %%
xt, vt = torch.tensor(draw, requires_grad=True), torch.tensor([0.1, 1.0, 0.0001])
yt, it = xt * 2, 0
while yt.detach().norm() < 1000:
    yt, it = yt * 2, it + 1
yt.backward(vt)
print("i =", it)
print("J.T v:", xt.grad)

# %% [markdown] lang="en"
# Nine doublings in the loop and one before it make $2^{10} = 1024$, and the gradient is
# `[102.4, 1024, 0.1024]`, as in the lecture. The graphs show the difference between the two ways: for JAX
# the loop is one node, however often it turns; PyTorch has a node for each of the ten products.
#
# The package has this program ready as `grad.double_until`, and the product with $v$ as `grad.vjp`, which
# takes and returns what `torch.autograd.functional.vjp` does.

# %% [markdown] lang="es"
# Nueve duplicaciones en el bucle y una antes dan $2^{10} = 1024$, y el gradiente es
# `[102.4, 1024, 0.1024]`, como en la clase. Los grafos muestran la diferencia entre los dos caminos: para
# JAX el bucle es un solo nodo, por muchas vueltas que dé; PyTorch tiene un nodo por cada uno de los diez
# productos.
#
# El paquete trae este programa hecho, `grad.double_until`, y el producto con $v$ como `grad.vjp`, que recibe
# y devuelve lo mismo que `torch.autograd.functional.vjp`.

# %% [markdown] lang="pt"
# Nove duplicações no laço e uma antes dele dão $2^{10} = 1024$, e o gradiente é `[102.4, 1024, 0.1024]`,
# como na aula. Os grafos mostram a diferença entre os dois caminhos: para o JAX o laço é um único nó, por
# mais voltas que dê; o PyTorch tem um nó para cada um dos dez produtos.
#
# O pacote traz este programa pronto, `grad.double_until`, e o produto com $v$ como `grad.vjp`, que recebe e
# devolve o mesmo que `torch.autograd.functional.vjp`.


# %%
def doubled(x):
    return grad.while_loop(is_short, double, (2 * x, 0))[0]


def ready(x):
    return grad.double_until(x)[0]


print(listing(grad.graph(doubled, x).grad_fn))
_y, ready_product = jax.jit(lambda x, v: grad.vjp(ready, x, v))(x, v)
print("grad.vjp:", ready_product)


# %%
def ready_t(x):
    y = x * 2
    while y.detach().norm() < 1000:
        y = y * 2
    return y


print(listing(yt.grad_fn))
_y, ready_product_t = torch.autograd.functional.vjp(ready_t, torch.tensor(draw), vt)
print("functional.vjp:", ready_product_t)

# %%
print(
    assert_agree(
        jax={"i": int(i), "y": y, "J.T v": gradient, "vjp": ready_product},
        torch={"i": it, "y": yt, "J.T v": xt.grad, "vjp": ready_product_t},
    )
)

# %% [markdown] lang="en"
# ## Reading the length off the gradient
#
# Suppose that you get $v$ and the gradient $g = J^\top v$, and see neither $x$ nor $y$. Any entry $k$
# still tells you how often the loop turned:
#
# $$g_k = 2^{i+1} v_k, \quad i = \log_2 \frac{g_k}{v_k} - 1$$
#
# Here are twenty-four draws, some very short and some long. JAX takes them all in one compiled program with
# `jax.vmap`, in which each draw has a number of rounds of its own; PyTorch takes one after the other.

# %% [markdown] lang="es"
# ## Leer la longitud en el gradiente
#
# Supón que recibes $v$ y el gradiente $g = J^\top v$, y que no ves ni $x$ ni $y$. Aun así, cualquier
# componente $k$ te dice cuántas vueltas dio el bucle:
#
# $$g_k = 2^{i+1} v_k, \quad i = \log_2 \frac{g_k}{v_k} - 1$$
#
# Aquí hay veinticuatro vectores al azar, algunos muy cortos y otros largos. JAX los toma todos en un solo
# programa compilado con `jax.vmap`, en el que cada uno tiene su propio número de vueltas; PyTorch los toma
# uno tras otro.

# %% [markdown] lang="pt"
# ## Ler o comprimento no gradiente
#
# Suponha que você receba $v$ e o gradiente $g = J^\top v$, e não veja nem $x$ nem $y$. Ainda assim,
# qualquer componente $k$ lhe diz quantas voltas o laço deu:
#
# $$g_k = 2^{i+1} v_k, \quad i = \log_2 \frac{g_k}{v_k} - 1$$
#
# Aqui estão vinte e quatro vetores sorteados, alguns muito curtos e outros longos. O JAX toma todos em um só
# programa compilado com `jax.vmap`, no qual cada um tem seu próprio número de voltas; o PyTorch toma um
# depois do outro.

# %%
rng = np.random.default_rng(0)
lengths = np.logspace(-2, 3, 24)[:, None]
draws = (lengths * rng.standard_normal((24, 3))).astype(np.float32)


def count_and_read(x):
    _, i, g = there_and_back(grad.while_loop, x, v)
    return i, jnp.log2(g[1] / v[1]).round().astype(int) - 1


counted, read = jax.jit(jax.vmap(count_and_read))(draws)
print("i:", counted, "log2(g / v) - 1:", read, sep="\n")

# %%
counted_t, read_t = [], []
for one in torch.tensor(draws):
    one.requires_grad_()
    y_one, rounds = one * 2, 0
    while y_one.detach().norm() < 1000:
        y_one, rounds = y_one * 2, rounds + 1
    y_one.backward(vt)
    counted_t.append(rounds)
    read_t.append(torch.log2(one.grad[1] / vt[1]).round().int() - 1)
counted_t, read_t = torch.tensor(counted_t, dtype=torch.int32), torch.stack(read_t)
print("i:", counted_t, "log2(g / v) - 1:", read_t, sep="\n")

# %% [markdown] lang="en"
# The grey line is what the norm alone foretells: the loop stops at the first power of two that lifts it to
# $1000$ or above.
#
# $$i = \max \left( 0, \left\lceil \log_2 \frac{1000}{\Vert x \Vert} \right\rceil - 1 \right)$$
#
# It is a staircase: almost everywhere a small change of $x$ does not change $i$ at all. That is why $i$
# itself adds nothing to the gradient, and both libraries are right to treat it as a constant.

# %% [markdown] lang="es"
# La línea gris es lo que predice la norma por sí sola: el bucle se detiene en la primera potencia de dos que
# la lleva a $1000$ o más.
#
# $$i = \max \left( 0, \left\lceil \log_2 \frac{1000}{\Vert x \Vert} \right\rceil - 1 \right)$$
#
# Es una escalera: en casi todas partes, un pequeño cambio de $x$ no cambia $i$ en absoluto. Por eso $i$ no
# aporta nada al gradiente, y ambas bibliotecas hacen bien en tratarlo como una constante.

# %% [markdown] lang="pt"
# A linha cinza é o que a norma sozinha prevê: o laço para na primeira potência de dois que a leva a $1000$
# ou mais.
#
# $$i = \max \left( 0, \left\lceil \log_2 \frac{1000}{\Vert x \Vert} \right\rceil - 1 \right)$$
#
# É uma escada: em quase toda parte, uma pequena mudança de $x$ não muda $i$ em nada. Por isso $i$ não
# contribui com nada para o gradiente, e ambas as bibliotecas fazem bem em tratá-lo como uma constante.

# %% tags=["hide-input"]
norms = np.linalg.norm(draws, axis=1)
line = np.geomspace(norms.min() / 2, norms.max() * 2, 2000)
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
steps = np.maximum(0, np.ceil(np.log2(1000 / line)) - 1)
axes.plot(line, steps, color="0.6", label=_("foretold by the norm"), zorder=1)
read_label, counted_label = _("JAX: read off the gradient"), _("PyTorch: counted in the loop")
axes.plot(norms, read, "o", ms=9, mfc="none", color="#0072B2", label=read_label)
axes.plot(norms, counted_t, "x", ms=6, color="#D55E00", label=counted_label)
axes.set_xscale("log")
axes.set_yticks(range(0, 19, 3))
axes.set_xlabel(_("norm of x (no unit, logarithmic)"), fontsize=11)
axes.set_ylabel(_("doublings i (count)"), fontsize=11)
axes.set_title(_("The gradient tells how often the loop turned"), fontsize=12)
axes.legend(fontsize=10)
show(
    figure,
    alt=_(
        "Doublings against the norm of x: a staircase down from 17 for the shortest x to 0 for the longest. All points lie on it, those read off the gradient and those counted."
    ),
)

# %%
print(
    assert_agree(
        jax={"i": counted, "log2(g / v) - 1": read},
        torch={"i": counted_t, "log2(g / v) - 1": read_t},
    )
)
assert (counted == read).all()

# %% [markdown] lang="en"
# ## What is tracked, and what is not
#
# A network that is being used rather than trained needs no gradients, and a network in training does not
# need them for its data. Take the smallest network there is, a scalar product:
#
# $$z = \sum_j w_j x_j, \quad \frac{\partial z}{\partial x} = w, \quad \frac{\partial z}{\partial w} = x$$
#
# In PyTorch tracking is a property of tensors, `requires_grad`. In JAX it is a matter of what you ask for:
# you differentiate a function with respect to the arguments that you name. First both are tracked.

# %% [markdown] lang="es"
# ## Qué se rastrea y qué no
#
# Una red que se usa para inferir, y no se entrena, no necesita gradientes, y una red que se entrena no los
# necesita para sus datos. Toma la red más pequeña que existe, un producto escalar:
#
# $$z = \sum_j w_j x_j, \quad \frac{\partial z}{\partial x} = w, \quad \frac{\partial z}{\partial w} = x$$
#
# En PyTorch el rastreo es una propiedad de los tensores, `requires_grad`. En JAX depende de lo que pides:
# derivas una función respecto de los argumentos que nombras. Primero se rastrean ambos.

# %% [markdown] lang="pt"
# ## O que é rastreado e o que não é
#
# Uma rede que é usada para inferir, e não treinada, não precisa de gradientes, e uma rede em treinamento não
# precisa deles para os seus dados. Tome a menor rede que existe, um produto escalar:
#
# $$z = \sum_j w_j x_j, \quad \frac{\partial z}{\partial x} = w, \quad \frac{\partial z}{\partial w} = x$$
#
# No PyTorch o rastreamento é uma propriedade dos tensores, `requires_grad`. Em JAX ele depende do que você
# pede: você deriva uma função em relação aos argumentos que nomeia. Primeiro, ambos são rastreados.

# %%
n = 3
x, w = jnp.arange(1.0, n + 1), jnp.ones(n)
to_x, to_w = jax.jit(lambda x, w: grad.backward(grad.dot, (x, w)))(x, w)
print("dz/dx:", to_x)
print("dz/dw:", to_w)

# %%
xt = torch.arange(1.0, n + 1, requires_grad=True)
wt = torch.ones(n, requires_grad=True)
zt = wt @ xt
zt.backward()
to_xt, to_wt = xt.grad, wt.grad
print("dz/dx:", to_xt)
print("dz/dw:", to_wt)

# %% [markdown] lang="en"
# Now only $w$ is tracked. In PyTorch `x` is made without `requires_grad=True`, and `x.grad` stays `None`.
# In JAX the plain way is not to ask: `argnums=1` names $w$ alone. Where `x` has to remain among the
# arguments, `grad.detach` makes a constant of it, and `grad.backward` returns `None` in its place. Asked for
# the same derivative, `jax.grad` returns zeros, which look like any other result.

# %% [markdown] lang="es"
# Ahora solo se rastrea $w$. En PyTorch `x` se crea sin `requires_grad=True`, y `x.grad` sigue siendo `None`.
# En JAX lo más sencillo es no pedirlo: `argnums=1` nombra solo $w$. Cuando `x` tiene que seguir entre los
# argumentos, `grad.detach` hace de él una constante, y `grad.backward` devuelve `None` en su lugar. Si le
# pides la misma derivada, `jax.grad` devuelve ceros, que parecen un resultado como cualquier otro.

# %% [markdown] lang="pt"
# Agora só $w$ é rastreado. No PyTorch, `x` é criado sem `requires_grad=True`, e `x.grad` continua `None`. Em
# JAX o mais simples é não pedir: `argnums=1` nomeia só $w$. Quando `x` precisa continuar entre os
# argumentos, `grad.detach` faz dele uma constante, e `grad.backward` devolve `None` em seu lugar. Se você
# lhe pede a mesma derivada, `jax.grad` devolve zeros, que parecem um resultado como qualquer outro.


# %%
def only_w(x, w):
    return grad.dot(grad.detach(x), w)


asked = jax.jit(jax.grad(grad.dot, argnums=1))(x, w)
none, only = jax.jit(lambda x, w: grad.backward(only_w, (x, w)))(x, w)
silent = jax.grad(only_w, argnums=0)(x, w)
print("jax.grad, argnums=1:", asked)
print("grad.backward:", none, only)
print("jax.grad, argnums=0:", silent)

# %%
xt = torch.arange(1.0, n + 1)
wt = torch.ones(n, requires_grad=True)
(wt @ xt).backward()
print("x.grad:", xt.grad)
print("w.grad:", wt.grad)

# %% [markdown] lang="en"
# Last, nothing is tracked. Inside `torch.no_grad()` the product is computed and nothing recorded: $z$ has
# its value, but no `grad_fn`, and `backward` has no way to go. It raises a `RuntimeError`. A JAX function
# wrapped by `grad.no_grad` behaves alike: `jax.grad` returns zeros for it and says nothing, while
# `grad.backward` raises PyTorch's error, and adds where to look.

# %% [markdown] lang="es"
# Por último, no se rastrea nada. Dentro de `torch.no_grad()` se calcula el producto y no se anota nada: $z$
# tiene su valor, pero no un `grad_fn`, y `backward` no tiene por dónde ir. Lanza un `RuntimeError`. Una
# función de JAX envuelta en `grad.no_grad` se comporta igual: `jax.grad` devuelve ceros para ella y no dice
# nada, mientras que `grad.backward` lanza el error de PyTorch y añade dónde buscar.

# %% [markdown] lang="pt"
# Por último, nada é rastreado. Dentro de `torch.no_grad()` o produto é calculado e nada é anotado: $z$ tem
# seu valor, mas não um `grad_fn`, e `backward` não tem por onde ir. Ele lança um `RuntimeError`. Uma função
# de JAX envolvida em `grad.no_grad` se comporta da mesma forma: `jax.grad` devolve zeros para ela e não diz
# nada, enquanto `grad.backward` lança o erro do PyTorch e acrescenta onde procurar.


# %%
@grad.no_grad
def z(w):
    return grad.dot(x, w)


print("z =", z(w))
print("z.grad_fn:", grad.graph(z, w).grad_fn)
print("jax.grad:", jax.grad(z)(w))
try:
    jax.jit(lambda w: grad.backward(z, w))(w)
    raised, message = None, ""
except RuntimeError as error:
    raised, message = type(error).__name__, str(error)
print("grad.backward:", fill(f"{raised}: {message}", 80), sep="\n")

# %%
with torch.no_grad():
    zt = wt @ xt

print("z =", zt.item())
print("z.grad_fn:", zt.grad_fn)
try:
    zt.backward()
    raised_t, message_t = None, ""
except RuntimeError as error:
    raised_t, message_t = type(error).__name__, str(error)
print("z.backward:", fill(f"{raised_t}: {message_t}", 80), sep="\n")

# %%
print(
    assert_agree(
        jax={
            "dz/dx": to_x,
            "dz/dw": to_w,
            "x.grad": none,
            "w.grad": only,
            "z": z(w),
            "z.grad_fn": grad.graph(z, w).grad_fn,
            "error": raised,
            _("has the message of PyTorch"): message.startswith(message_t),
        },
        torch={
            "dz/dx": to_xt,
            "dz/dw": to_wt,
            "x.grad": xt.grad,
            "w.grad": wt.grad,
            "z": zt,
            "z.grad_fn": zt.grad_fn,
            "error": raised_t,
            _("has the message of PyTorch"): message_t != "",
        },
    )
)
assert (asked == only).all()

# %% [markdown] lang="en"
# ## Twice, and a check
#
# A gradient is a program, too, and can be differentiated in its turn. The derivatives of the gradient are
# the Hessian. Above, $\frac{\partial a}{\partial x_i} = \frac{3}{2} x_i - 3$ depends on its own $x_i$ alone,
# so the Hessian, of four rows and four columns, is
#
# $$H = \frac{3}{2} I$$
#
# As $a$ is a quadratic function of $x$, one step of Newton's method, $x - H^{-1} \nabla a$, leads straight
# to the minimum: all entries are $2$, and $a = 0$.

# %% [markdown] lang="es"
# ## Dos veces, y una comprobación
#
# Un gradiente también es un programa y, a su vez, se puede derivar. Las derivadas del gradiente son la
# hessiana. Arriba, $\frac{\partial a}{\partial x_i} = \frac{3}{2} x_i - 3$ depende solo de su propio $x_i$,
# así que la hessiana, de cuatro filas y cuatro columnas, es
#
# $$H = \frac{3}{2} I$$
#
# Como $a$ es una función cuadrática de $x$, un paso del método de Newton, $x - H^{-1} \nabla a$, lleva
# directo al mínimo: todas las componentes son $2$, y $a = 0$.

# %% [markdown] lang="pt"
# ## Duas vezes, e uma verificação
#
# Um gradiente também é um programa e, por sua vez, pode ser derivado. As derivadas do gradiente são a
# hessiana. Acima, $\frac{\partial a}{\partial x_i} = \frac{3}{2} x_i - 3$ depende apenas do próprio $x_i$,
# portanto a hessiana, de quatro linhas e quatro colunas, é
#
# $$H = \frac{3}{2} I$$
#
# Como $a$ é uma função quadrática de $x$, um passo do método de Newton, $x - H^{-1} \nabla a$, leva direto
# ao mínimo: todas as componentes são $2$, e $a = 0$.

# %%
x = jnp.array([[1.0, 2.0], [3.0, 4.0]])
hessian = jax.jit(lambda x: grad.hessian(mean_of_squares, x))(x).reshape(4, 4)
step = jnp.linalg.solve(hessian, jax.grad(mean_of_squares)(x).ravel())
lowest = x - step.reshape(2, 2)
print("H:", hessian, "x - H^-1 g:", lowest, sep="\n")
print("a =", mean_of_squares(lowest))

# %%
xt = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
hessian_t = torch.autograd.functional.hessian(mean_of_squares, xt).reshape(4, 4)
(gradient_t,) = torch.autograd.grad(mean_of_squares(xt), xt)
lowest_t = xt.detach() - torch.linalg.solve(hessian_t, gradient_t.ravel()).reshape(2, 2)
print("H:", hessian_t, "x - H^-1 g:", lowest_t, sep="\n")
print("a =", mean_of_squares(lowest_t).item())

# %% [markdown] lang="en"
# And how do you know that a gradient is right when there is no formula by hand? You move each input a
# little to either side, and look how the output moves:
#
# $$\frac{\partial f}{\partial x_i} \approx \frac{f(x + \varepsilon e_i) - f(x - \varepsilon e_i)}{2 \varepsilon}$$
#
# `gradcheck` compares that with the derivative, in double precision, as differences of nearly equal numbers
# lose many digits. Below it passes the mean of squares, and catches a square whose backward forgot a factor
# of $2$. How such functions with a gradient of their own are written is the matter of the next notebook.

# %% [markdown] lang="es"
# ¿Y cómo sabes que un gradiente es correcto cuando no hay fórmula a mano? Mueves cada entrada un poco hacia
# ambos lados y miras cómo se mueve la salida:
#
# $$\frac{\partial f}{\partial x_i} \approx \frac{f(x + \varepsilon e_i) - f(x - \varepsilon e_i)}{2 \varepsilon}$$
#
# `gradcheck` compara eso con la derivada, en doble precisión, porque las diferencias de números casi iguales
# pierden muchas cifras. Abajo aprueba la media de los cuadrados y descubre un cuadrado cuya retropropagación
# olvidó un factor de $2$. Cómo se escriben tales funciones con gradiente propio es el tema del próximo
# cuaderno.

# %% [markdown] lang="pt"
# E como você sabe que um gradiente está certo quando não há fórmula à mão? Você move cada entrada um pouco
# para ambos os lados e olha como a saída se move:
#
# $$\frac{\partial f}{\partial x_i} \approx \frac{f(x + \varepsilon e_i) - f(x - \varepsilon e_i)}{2 \varepsilon}$$
#
# `gradcheck` compara isso com a derivada, em precisão dupla, pois diferenças de números quase iguais perdem
# muitos algarismos. Abaixo, ele aprova a média dos quadrados e descobre um quadrado cuja retropropagação
# esqueceu um fator de $2$. Como se escrevem tais funções com gradiente próprio é o assunto do próximo
# caderno.


# %%
class WrongSquare(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x  # should be g * 2 * x


with jax.enable_x64(True):
    precise = jnp.array([[1.0, 2.0], [3.0, 4.0]])
    right = grad.gradcheck(mean_of_squares, precise)
    wrong = grad.gradcheck(WrongSquare.apply, precise, raise_exception=False)
print("mean_of_squares:", right)
print("WrongSquare:", wrong)


# %%
class WrongSquareT(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x  # should be g * 2 * x


precise_t = xt.detach().double().requires_grad_()
right_t = torch.autograd.gradcheck(mean_of_squares, precise_t)
wrong_t = torch.autograd.gradcheck(WrongSquareT.apply, precise_t, raise_exception=False)
print("mean_of_squares:", right_t)
print("WrongSquareT:", wrong_t)

# %%
print(
    assert_agree(
        jax={"H": hessian, "x - H^-1 g": lowest, "gradcheck": (right, wrong)},
        torch={"H": hessian_t, "x - H^-1 g": lowest_t, "gradcheck": (right_t, wrong_t)},
    )
)

# %% [markdown] lang="en"
# ## The same thing in both libraries
#
# | PyTorch | JAX with this package |
# |---|---|
# | `x.requires_grad_()` | `x` is an argument of the function |
# | `a.backward()`, then `x.grad` | `grad.backward(f, x)` returns it |
# | `y.backward(v)` | `grad.backward(f, x, v)` |
# | `y.grad_fn` | `grad.graph(f, x).grad_fn` |
# | a `while` loop of Python | `grad.while_loop`, inside the compiled program |
# | `x.detach()` | `grad.detach(x)` |
# | `with torch.no_grad():` | `grad.no_grad(f)` |
#
# Next: [Functions with a gradient of their own](03_custom_gradients.ipynb), for when you know a derivative
# better than the machine does.

# %% [markdown] lang="es"
# ## Lo mismo en ambas bibliotecas
#
# | PyTorch | JAX con este paquete |
# |---|---|
# | `x.requires_grad_()` | `x` es un argumento de la función |
# | `a.backward()`, luego `x.grad` | `grad.backward(f, x)` lo devuelve |
# | `y.backward(v)` | `grad.backward(f, x, v)` |
# | `y.grad_fn` | `grad.graph(f, x).grad_fn` |
# | un bucle `while` de Python | `grad.while_loop`, dentro del programa compilado |
# | `x.detach()` | `grad.detach(x)` |
# | `with torch.no_grad():` | `grad.no_grad(f)` |
#
# A continuación: [Funciones con gradiente propio](03_custom_gradients.ipynb), para cuando conoces una
# derivada mejor que la máquina.

# %% [markdown] lang="pt"
# ## O mesmo em ambas as bibliotecas
#
# | PyTorch | JAX com este pacote |
# |---|---|
# | `x.requires_grad_()` | `x` é um argumento da função |
# | `a.backward()`, depois `x.grad` | `grad.backward(f, x)` o devolve |
# | `y.backward(v)` | `grad.backward(f, x, v)` |
# | `y.grad_fn` | `grad.graph(f, x).grad_fn` |
# | um laço `while` de Python | `grad.while_loop`, dentro do programa compilado |
# | `x.detach()` | `grad.detach(x)` |
# | `with torch.no_grad():` | `grad.no_grad(f)` |
#
# A seguir: [Funções com gradiente próprio](03_custom_gradients.ipynb), para quando você conhece uma derivada
# melhor do que a máquina.
