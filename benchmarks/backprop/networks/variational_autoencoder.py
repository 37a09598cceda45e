"""A variational autoencoder: the noise is reparameterised, the loss has two terms. Adam."""
import numpy as np

rng = np.random.default_rng(13)
IN, HID, LATENT, BATCH = 4, 6, 2, 12

theta = rng.uniform(0, 2 * np.pi, 60)
data = np.stack([np.cos(theta), np.sin(theta), np.cos(2 * theta), np.sin(2 * theta)], axis=1)

shapes = {'We': (IN, HID), 'be': (HID,), 'Wmu': (HID, LATENT), 'bmu': (LATENT,),
          'Wlv': (HID, LATENT), 'blv': (LATENT,), 'Wd': (LATENT, HID), 'bd': (HID,),
          'Wx': (HID, IN), 'bx': (IN,)}
P = {k: rng.normal(0, 0.4, s) if k[0] == 'W' else np.zeros(s) for k, s in shapes.items()}
first = {k: np.zeros(s) for k, s in shapes.items()}
second = {k: np.zeros(s) for k, s in shapes.items()}

weight_kl = 0.1
for t in range(1, 46):
    x = data[rng.choice(60, BATCH, replace=False)]

    # encoder
    he = np.tanh(x @ P['We'] + P['be'])
    mu = he @ P['Wmu'] + P['bmu']
    logvar = he @ P['Wlv'] + P['blv']
    noise = rng.normal(size=mu.shape)
    std = np.exp(0.5 * logvar)
    z = mu + noise * std
    # decoder
    hd = np.tanh(z @ P['Wd'] + P['bd'])
    xr = hd @ P['Wx'] + P['bx']

    reconstruction = 0.5 * np.sum((xr - x) ** 2) / BATCH
    kl = -0.5 * np.sum(1 + logvar - mu ** 2 - np.exp(logvar)) / BATCH
    loss = reconstruction + weight_kl * kl

    G = {}
    dxr = (xr - x) / BATCH
    G['Wx'], G['bx'] = hd.T @ dxr, dxr.sum(0)
    dhd = (dxr @ P['Wx'].T) * (1 - hd ** 2)
    G['Wd'], G['bd'] = z.T @ dhd, dhd.sum(0)
    dz = dhd @ P['Wd'].T
    dmu = dz + weight_kl * mu / BATCH
    dlogvar = dz * noise * 0.5 * std + weight_kl * 0.5 * (np.exp(logvar) - 1) / BATCH
    G['Wmu'], G['bmu'] = he.T @ dmu, dmu.sum(0)
    G['Wlv'], G['blv'] = he.T @ dlogvar, dlogvar.sum(0)
    dhe = (dmu @ P['Wmu'].T + dlogvar @ P['Wlv'].T) * (1 - he ** 2)
    G['We'], G['be'] = x.T @ dhe, dhe.sum(0)

    for k in P:
        first[k] += 0.1 * (G[k] - first[k])
        second[k] += 0.001 * (G[k] ** 2 - second[k])
        P[k] = P[k] - 0.02 * (first[k] / (1 - 0.9 ** t)) / (np.sqrt(second[k] / (1 - 0.999 ** t)) + 1e-8)
    if t % 15 == 0:
        print(t, reconstruction, kl)
