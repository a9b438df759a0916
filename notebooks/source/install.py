# %% [markdown] lang="en"
# <details><summary>How to run this notebook</summary>
#
# In a fresh environment with Python 3.11 or newer, from the root of the repository:
#
# ```
# python -m venv .venv
# .venv/bin/pip install '.[notebooks]'
# .venv/bin/jupyter lab notebooks
# ```
#
# In Colab: upload this notebook and a zip file of the repository, named `convgrad.zip`, and run
# `%pip install './convgrad.zip[notebooks]'` in a first cell.
#
# </details>

# %% [markdown] lang="es"
# <details><summary>Cómo ejecutar este cuaderno</summary>
#
# En un entorno nuevo con Python 3.11 o posterior, desde la raíz del repositorio:
#
# ```
# python -m venv .venv
# .venv/bin/pip install '.[notebooks]'
# .venv/bin/jupyter lab notebooks
# ```
#
# En Colab: sube este cuaderno y un archivo zip del repositorio, con el nombre `convgrad.zip`, y ejecuta
# `%pip install './convgrad.zip[notebooks]'` en una primera celda.
#
# </details>

# %% [markdown] lang="pt"
# <details><summary>Como executar este caderno</summary>
#
# Em um ambiente novo com Python 3.11 ou mais recente, a partir da raiz do repositório:
#
# ```
# python -m venv .venv
# .venv/bin/pip install '.[notebooks]'
# .venv/bin/jupyter lab notebooks
# ```
#
# No Colab: envie este caderno e um arquivo zip do repositório, com o nome `convgrad.zip`, e execute
# `%pip install './convgrad.zip[notebooks]'` em uma primeira célula.
#
# </details>
