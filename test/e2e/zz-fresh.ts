// @ts-nocheck
import { startChromium } from '../helpers/chromium.ts';
import { runEdge } from '../integration/edge-run.ts';
import { makeWatchMedia } from './watch-media.ts';
import { startWatchOrigin } from './watch-origin.ts';
const media = await makeWatchMedia();
const origin = await startWatchOrigin(media); const edge = await runEdge(origin.url);
const b = await startChromium({width:844,height:390}); 
for (const engine of ['dash']) {
  const page = await b.context.newPage();
  page.on('pageerror', e=>console.log('pageerror', e.message));
  origin.goOnAir(Number(process.argv[2] ?? 1));
  await page.goto(`${edge.url}/watch/main?player=${engine}`);
  await page.evaluate(()=>{ const v=document.querySelector('video'); window.ev=[]; for (const e of ['play','playing','pause','canplay','emptied','waiting','seeking','seeked','loadedmetadata']) v.addEventListener(e,()=>window.ev.push(e+'@'+v.currentTime+(v.paused?'P':'')));});
  for (let i=0;i<4;i++){ await page.waitForTimeout(1500); console.log(engine, JSON.stringify(await page.evaluate(()=>{const s=__touchline.stats(); const v=document.querySelector('video'); return [__touchline.state,s.currentTime,s.latency,v.paused,v.readyState,v.playbackRate,[...Array(v.buffered.length)].map((_,i)=>[v.buffered.start(i),v.buffered.end(i)]),window.ev]})));}
  await page.close();
}
await b.close(); await edge.close(); await origin.close();
