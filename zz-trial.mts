import { startPipeline } from './test/helpers/pipeline.ts';
import { spawn } from 'node:child_process';
import { Redis } from 'ioredis';
import { readFileSync } from 'node:fs';
const profile=process.argv[2]??'instant', secs=+(process.argv[3]??20);
const p=await startPipeline({WORKERS:'1',LOG_LEVEL:'debug'});
try{
const ladder={video:[{height:720,maxBitrateBps:3500000},{height:480,maxBitrateBps:1600000},{height:360,maxBitrateBps:900000}],audio:{bitrateBps:128000},preset:'veryfast'};
const ch='inst';
const r:any=await p.api.call('POST','/v1/channels',201,{id:ch,ladder,profile,fps:'30'});
const ff=spawn('ffmpeg',['-v','error','-re','-f','lavfi','-i','testsrc2=size=1280x720:rate=30','-f','lavfi','-i','sine=frequency=440:sample_rate=48000','-t',String(secs),'-c:v','libx264','-preset','ultrafast','-tune','zerolatency','-g','60','-b:v','3M','-pix_fmt','yuv420p','-c:a','aac','-b:a','128k','-f','flv',`rtmp://127.0.0.1:${p.rtmpPort}/live/${r.streamKey}`],{stdio:'inherit'});
await new Promise(res=>ff.on('exit',res));
const url=/redis:\/\/[^\s"]+/.exec(readFileSync(p.logFile,'utf8')); console.log('redis',url?.[0], p.dataDir);
const { execSync } = await import('node:child_process');
const port=execSync(`ss -ltnp | grep redis-server | awk '{print $4}'`).toString(); console.log(port);
for (const addr of port.trim().split('\n')){ const redis=new Redis('redis://'+addr.trim(),{maxRetriesPerRequest:1,retryStrategy:()=>null}); redis.on('error',()=>{});
 try{ const keys=await redis.keys('*'); if(!keys.some(k=>k.includes('{inst}'))) {redis.disconnect();continue;}
 console.log(keys.filter(k=>k.includes('inst')||k.startsWith('early')).join(' '));
 for(const rd of ['v720','v480','v360','a128']){ const es=await redis.xrange(`hot:{${ch}}:fragments:${rd}`,'-','+'); const F=profile==='instant'?1:10;
  const lat=es.map(([id,f])=>{const [n,k]=JSON.parse(f[1]!);return +id.split('-')[0]! - ((n*60+(k+1)*F)/30)*1000;}).sort((a,b)=>a-b); const q=(x:number)=>lat[Math.floor(lat.length*x)]?.toFixed(0);
  console.log(rd,es.length,'p5',q(.05),'p50',q(.5),'p95',q(.95),'max',q(.999)); }
 const pub=await redis.xrange(`published-fragments:{${ch}}`,'-','+'); console.log('published fragments',pub.length); const pubs=await redis.xlen(`published:{${ch}}`); console.log('published segments',pubs);
 const lat=pub.map(([id,f])=>{const e=JSON.parse(f[1]!);const F=profile==='instant'?1:10;return e.rendition.startsWith('v')?+id.split('-')[0]!-((e.n*60+(e.k+1)*F)/30)*1000:NaN}).filter(x=>!Number.isNaN(x)).sort((a,b)=>a-b); console.log('published p50',lat[lat.length>>1],'p95',lat[Math.floor(lat.length*.95)]);
 redis.disconnect(); }catch(e){console.log(String(e));} }
console.log((await (await fetch(`${p.edge}/live/${ch}/index.m3u8`)).text()).slice(0,900));
console.log(readFileSync(p.logFile,'utf8').split('\n').filter(l=>/WARN|ERROR/.test(l)).slice(0,30).join('\n'));
}finally{await p.close();}
